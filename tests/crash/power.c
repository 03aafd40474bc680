/* Power loss for one process, by LD_PRELOAD. Of every file below POWER_LIVE a second copy is kept
 * below POWER_DISK with only what was synced: data by fsync or fdatasync of the file, names by fsync
 * of the folder. When the process dies, POWER_DISK is what a disk would hold. With a POWER_SEED some
 * of the unsynced writes reach the disk as well, in no order, as they do on a real one.
 *
 * Not followed: shared mappings, for nothing that must last is written through them. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

struct range { off_t from, to; struct range *next; };
struct file { ino_t inode; char disk[PATH_MAX]; struct range *dirty; int cut; struct file *next; };
/* A change of a folder that its fsync makes last: a name appears, moves, or goes. */
struct change { char kind; char folder[PATH_MAX], from[PATH_MAX], to[PATH_MAX]; struct change *next; };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct file *files;
static struct change *changes;
static char live[PATH_MAX], disk[PATH_MAX];
static size_t live_length;
static unsigned seed;
static int ready;

static int (*real_openat)(int, const char *, int, ...);
static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static ssize_t (*real_writev)(int, const struct iovec *, int);
static int (*real_ftruncate)(int, off_t);
static int (*real_rename)(const char *, const char *);
static int (*real_unlink)(const char *);
static int (*real_fsync)(int);

__attribute__((constructor)) static void start(void) {
    real_openat = dlsym(RTLD_NEXT, "openat");
    real_write = dlsym(RTLD_NEXT, "write");
    real_pwrite = dlsym(RTLD_NEXT, "pwrite");
    real_writev = dlsym(RTLD_NEXT, "writev");
    real_ftruncate = dlsym(RTLD_NEXT, "ftruncate");
    real_rename = dlsym(RTLD_NEXT, "rename");
    real_unlink = dlsym(RTLD_NEXT, "unlink");
    real_fsync = dlsym(RTLD_NEXT, "fsync");
    const char *from = getenv("POWER_LIVE"), *to = getenv("POWER_DISK"), *luck = getenv("POWER_SEED");
    if (from && to && realpath(from, live) && realpath(to, disk)) {
        live_length = strlen(live);
        seed = luck ? (unsigned)strtoul(luck, NULL, 10) : 0;
        char fresh[PATH_MAX + 8];
        snprintf(fresh, sizeof fresh, "%s/.new", disk);
        mkdir(fresh, 0700);
        ready = 1;
    }
}

static int lucky(void) { return seed && rand_r(&seed) % 3 == 0; }

static void fail(const char *why) {
    fprintf(stderr, "power.so: %s: %s\n", why, strerror(errno));
    _exit(99);
}

/* The path below the live folder, or NULL. */
static const char *below(const char *path, char *whole) {
    char folder[PATH_MAX];
    const char *name = strrchr(path, '/');
    name = name ? name + 1 : path;
    if (snprintf(folder, sizeof folder, "%.*s", (int)(name - path), path) == 0) strcpy(folder, ".");
    char *known = realpath(folder, whole);
    if (!known || strlen(whole) + strlen(name) + 2 > PATH_MAX) return NULL;
    strcat(whole, "/");
    strcat(whole, name);
    return strncmp(whole, live, live_length) == 0 && whole[live_length] == '/' ? whole + live_length : NULL;
}

static void on_disk(char *out, const char *relative) {
    if (snprintf(out, PATH_MAX, "%s%s", disk, relative) >= PATH_MAX) fail("a path is too long");
}

static void folder_of(char *out, const char *path) {
    snprintf(out, PATH_MAX, "%s", path);
    char *end = strrchr(out, '/');
    if (end) *end = 0;
}

static struct file *of(int fd) {
    struct stat found;
    int saved = errno;
    struct file *file = NULL;
    if (ready && fstat(fd, &found) == 0 && S_ISREG(found.st_mode))
        for (file = files; file && file->inode != found.st_ino; file = file->next) {}
    errno = saved;
    return file;
}

static void change(char kind, const char *from, const char *to) {
    struct change *made = calloc(1, sizeof *made), **last = &changes;
    if (!made) fail("memory");
    made->kind = kind;
    folder_of(made->folder, to);
    snprintf(made->from, PATH_MAX, "%s", from);
    snprintf(made->to, PATH_MAX, "%s", to);
    while (*last) last = &(*last)->next;
    *last = made;
}

static void opened(int fd, const char *path, int existed) {
    char whole[PATH_MAX];
    struct stat found;
    const char *relative = below(path, whole);
    if (!relative || fstat(fd, &found) != 0 || !S_ISREG(found.st_mode)) return;
    for (struct file *file = files; file; file = file->next)
        if (file->inode == found.st_ino) return;
    struct file *file = calloc(1, sizeof *file);
    if (!file) fail("memory");
    file->inode = found.st_ino;
    char named[PATH_MAX];
    on_disk(named, relative);
    if (existed && access(named, F_OK) == 0) {
        snprintf(file->disk, PATH_MAX, "%s", named);
    } else {
        if (snprintf(file->disk, PATH_MAX, "%s/.new/%lu", disk, (unsigned long)found.st_ino) >= PATH_MAX) fail("path");
        int made = real_openat(AT_FDCWD, file->disk, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
        if (made < 0) fail("a file of the disk");
        close(made);
        change('+', file->disk, named);
    }
    file->next = files;
    files = file;
}

static int open_any(int at, const char *path, int flags, mode_t mode) {
    if (!ready || (at != AT_FDCWD && path[0] != '/')) return real_openat(at, path, flags, mode);
    pthread_mutex_lock(&lock);
    int existed = access(path, F_OK) == 0;
    int fd = real_openat(at, path, flags, mode);
    int saved = errno;
    if (fd >= 0) {
        opened(fd, path, existed);
        struct file *file = flags & O_TRUNC ? of(fd) : NULL;
        if (file) file->cut = 1;
    }
    pthread_mutex_unlock(&lock);
    errno = saved;
    return fd;
}

#define MODE(flags) ({ mode_t m = 0; if ((flags) & (O_CREAT | O_TMPFILE)) { va_list l; va_start(l, flags); m = va_arg(l, mode_t); va_end(l); } m; })
int open(const char *path, int flags, ...) { return open_any(AT_FDCWD, path, flags, MODE(flags)); }
int open64(const char *path, int flags, ...) { return open_any(AT_FDCWD, path, flags | O_LARGEFILE, MODE(flags)); }
int openat(int at, const char *path, int flags, ...) { return open_any(at, path, flags, MODE(flags)); }
int openat64(int at, const char *path, int flags, ...) { return open_any(at, path, flags | O_LARGEFILE, MODE(flags)); }

/* Copies a range to the disk. */
static void keep(struct file *file, int fd, off_t from, off_t to) {
    char block[65536], source[64];
    int out = real_openat(AT_FDCWD, file->disk, O_WRONLY | O_CLOEXEC, 0);
    /* The descriptor may be for writing alone. */
    snprintf(source, sizeof source, "/proc/self/fd/%d", fd);
    int in = real_openat(AT_FDCWD, source, O_RDONLY | O_CLOEXEC, 0);
    if (in < 0 || out < 0) fail("copying to the disk");
    while (from < to) {
        size_t part = to - from < (off_t)sizeof block ? (size_t)(to - from) : sizeof block;
        ssize_t got = pread(in, block, part, from);
        if (got <= 0) break;
        if (real_pwrite(out, block, (size_t)got, from) != got) fail("writing to the disk");
        from += got;
    }
    close(in);
    close(out);
}

static void wrote(int fd, struct file *file, off_t from, ssize_t length) {
    if (!file || length <= 0) return;
    int saved = errno;
    struct range *dirty = calloc(1, sizeof *dirty);
    if (!dirty) fail("memory");
    dirty->from = from;
    dirty->to = from + length;
    dirty->next = file->dirty;
    file->dirty = dirty;
    if (lucky()) keep(file, fd, from, from + length);
    errno = saved;
}

static off_t place(int fd) {
    struct stat found;
    if (fcntl(fd, F_GETFL) & O_APPEND && fstat(fd, &found) == 0) return found.st_size;
    return lseek(fd, 0, SEEK_CUR);
}

ssize_t write(int fd, const void *bytes, size_t length) {
    if (!ready) return real_write(fd, bytes, length);
    pthread_mutex_lock(&lock);
    struct file *file = of(fd);
    if (!file) {
        pthread_mutex_unlock(&lock);
        return real_write(fd, bytes, length);
    }
    off_t from = place(fd);
    ssize_t done = real_write(fd, bytes, length);
    wrote(fd, file, from, done);
    pthread_mutex_unlock(&lock);
    return done;
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
    if (!ready) return real_writev(fd, parts, count);
    pthread_mutex_lock(&lock);
    struct file *file = of(fd);
    if (!file) {
        pthread_mutex_unlock(&lock);
        return real_writev(fd, parts, count);
    }
    off_t from = place(fd);
    ssize_t done = real_writev(fd, parts, count);
    wrote(fd, file, from, done);
    pthread_mutex_unlock(&lock);
    return done;
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t from) {
    if (!ready) return real_pwrite(fd, bytes, length, from);
    pthread_mutex_lock(&lock);
    ssize_t done = real_pwrite(fd, bytes, length, from);
    wrote(fd, of(fd), from, done);
    pthread_mutex_unlock(&lock);
    return done;
}
ssize_t pwrite64(int fd, const void *bytes, size_t length, off_t from) { return pwrite(fd, bytes, length, from); }

int ftruncate(int fd, off_t length) {
    if (!ready) return real_ftruncate(fd, length);
    pthread_mutex_lock(&lock);
    int done = real_ftruncate(fd, length);
    struct file *file = of(fd);
    if (file && done == 0) file->cut = 1;
    pthread_mutex_unlock(&lock);
    return done;
}
int ftruncate64(int fd, off_t length) { return ftruncate(fd, length); }

/* What was changed in a folder lasts from now on. */
static void settle(const char *folder) {
    for (struct change **at = &changes; *at;) {
        struct change *made = *at;
        if (strcmp(made->folder, folder) != 0) {
            at = &made->next;
            continue;
        }
        if (made->kind == '-') {
            real_unlink(made->to);
        } else if (real_rename(made->from, made->to) == 0) {
            for (struct file *file = files; file; file = file->next)
                if (strcmp(file->disk, made->from) == 0) snprintf(file->disk, PATH_MAX, "%s", made->to);
            for (struct change *later = made->next; later; later = later->next)
                if (strcmp(later->from, made->from) == 0) snprintf(later->from, PATH_MAX, "%s", made->to);
        }
        *at = made->next;
        free(made);
    }
}

static int sync_any(int fd) {
    struct stat found;
    if (!ready || fstat(fd, &found) != 0) return real_fsync(fd);
    pthread_mutex_lock(&lock);
    if (S_ISDIR(found.st_mode)) {
        char link[64], path[PATH_MAX], whole[PATH_MAX + 2];
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        ssize_t length = readlink(link, path, sizeof path - 1);
        if (length > 0) {
            path[length] = 0;
            if (strncmp(path, live, live_length) == 0) {
                on_disk(whole, path + live_length);
                settle(whole);
            }
        }
    }
    struct file *file = of(fd);
    if (file) {
        while (file->dirty) {
            struct range *dirty = file->dirty;
            keep(file, fd, dirty->from, dirty->to);
            file->dirty = dirty->next;
            free(dirty);
        }
        if (file->cut && fstat(fd, &found) == 0 && truncate(file->disk, found.st_size) != 0) fail("cutting a file");
        file->cut = 0;
    }
    pthread_mutex_unlock(&lock);
    return 0;
}
int fsync(int fd) { return sync_any(fd); }
int fdatasync(int fd) { return sync_any(fd); }

static void forget(ino_t inode) {
    for (struct file **at = &files; *at; at = &(*at)->next)
        if ((*at)->inode == inode) {
            struct file *gone = *at;
            *at = gone->next;
            free(gone);
            return;
        }
}

int rename(const char *from, const char *to) {
    char a[PATH_MAX], b[PATH_MAX], held[PATH_MAX], named[PATH_MAX];
    if (!ready) return real_rename(from, to);
    pthread_mutex_lock(&lock);
    struct stat found;
    const char *source = below(from, a), *target = below(to, b);
    struct stat over;
    int known = source && target && stat(from, &found) == 0, covers = known && stat(to, &over) == 0;
    int done = real_rename(from, to), saved = errno;
    if (covers && done == 0) forget(over.st_ino);
    if (known && done == 0) {
        on_disk(held, source);
        on_disk(named, target);
        /* A file that has no name on the disk yet gets its last one. */
        struct change *born = NULL;
        for (struct change *made = changes; made; made = made->next)
            if (made->kind == '+' && strcmp(made->to, held) == 0) born = made;
        if (born) {
            snprintf(born->to, PATH_MAX, "%s", named);
            folder_of(born->folder, named);
        } else {
            change('>', held, named);
        }
    }
    pthread_mutex_unlock(&lock);
    errno = saved;
    return done;
}

int unlink(const char *path) {
    char whole[PATH_MAX], named[PATH_MAX];
    if (!ready) return real_unlink(path);
    pthread_mutex_lock(&lock);
    struct stat found;
    const char *relative = below(path, whole);
    int known = relative && stat(path, &found) == 0;
    int done = real_unlink(path), saved = errno;
    if (known && done == 0) {
        on_disk(named, relative);
        forget(found.st_ino);
        struct change **at = &changes;
        int unborn = 0;
        while (*at) {
            struct change *made = *at;
            if (made->kind == '+' && strcmp(made->to, named) == 0) {
                *at = made->next;
                free(made);
                unborn = 1;
                continue;
            }
            at = &made->next;
        }
        if (!unborn) change('-', named, named);
    }
    pthread_mutex_unlock(&lock);
    errno = saved;
    return done;
}
