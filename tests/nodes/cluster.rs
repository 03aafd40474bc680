//! PostgreSQL servers in a temporary folder, with a synchronous replica, and a TCP proxy that can be redirected to it.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::net::{SocketAddr, TcpListener as Probe};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::net::{TcpListener, TcpStream};

use crate::cpu_time;

/// One server.
pub struct Server {
    folder: PathBuf,
    pub port: u16,
}

impl Server {
    /// Makes a server and starts it.
    pub fn start(folder: &Path) -> Self {
        let server = Self { folder: folder.to_owned(), port: free_port() };
        chown_to_postgres(folder.parent().expect("a folder in a folder"));
        run(&format!("initdb -D {} -A trust -U postgres -E UTF8 --locale=C", folder.display()));
        server.set("listen_addresses = '*'\nmax_connections = 200\nwal_recycle = off\nmax_wal_senders = 4");
        server.allow_clients("host all all 10.213.0.0/16 trust");
        server.up();
        server
    }

    /// Copies this server into one that follows it, and lets no commit end before both have it.
    pub fn follow(&self, folder: &Path) -> Self {
        self.allow_clients("host replication all 127.0.0.1/32 trust");
        self.ctl("reload");
        run(&format!(
            "pg_basebackup -h 127.0.0.1 -p {} -U postgres -D {} -R -X stream 2>/dev/null",
            self.port,
            folder.display()
        ));
        let replica = Self { folder: folder.to_owned(), port: free_port() };
        let name = format!("primary_conninfo = 'host=127.0.0.1 port={} user=postgres application_name=two'", self.port);
        replica.set(&name);
        replica.set("synchronous_standby_names = ''");
        replica.up();
        self.set("synchronous_standby_names = 'two'");
        self.ctl("reload");
        replica
    }

    pub fn up(&self) {
        self.set(&format!("port = {}\nunix_socket_directories = '{}'", self.port, self.folder.display()));
        let (folder, log) = (self.folder.display(), self.folder.with_extension("log"));
        run(&format!("pg_ctl -D {folder} -l {} -w start", log.display()));
    }

    /// Ends it as a crash would.
    pub fn crash(&self) {
        run(&format!("pg_ctl -D {} -m immediate -w stop", self.folder.display()));
    }

    pub fn promote(&self) {
        run(&format!("pg_ctl -D {} -w promote", self.folder.display()));
    }

    /// The numbers of its processes: the first, and those that serve connections.
    pub fn processes(&self) -> Vec<u32> {
        let text = fs::read_to_string(self.folder.join("postmaster.pid")).unwrap_or_default();
        let first = text.lines().next().and_then(|line| line.trim().parse().ok());
        first.into_iter().flat_map(|first| [vec![first], cpu_time::children(first)].concat()).collect()
    }

    /// Stops it in the middle of everything: connections stay open, and nothing answers.
    pub fn suspend(&self) -> SuspendedServer {
        let processes = self.processes();
        signal("STOP", &processes);
        SuspendedServer(processes)
    }

    /// The address of a database.
    pub fn url(&self, host: &str, database: &str) -> String {
        format!("postgres://postgres@{host}:{}/{database}", self.port)
    }

    fn ctl(&self, word: &str) {
        run(&format!("pg_ctl -D {} {word}", self.folder.display()));
    }

    fn set(&self, lines: &str) {
        self.append("postgresql.auto.conf", lines);
    }

    fn allow_clients(&self, line: &str) {
        self.append("pg_hba.conf", line);
    }

    fn append(&self, file: &str, lines: &str) {
        let mut file = OpenOptions::new().append(true).open(self.folder.join(file)).expect("a server's file");
        writeln!(file, "{lines}").expect("written");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = Command::new("sh").arg("-c").arg(as_postgres(&stop(&self.folder))).stdout(Stdio::null()).status();
    }
}

fn stop(folder: &Path) -> String {
    format!("pg_ctl -D {} -m immediate stop 2>/dev/null", folder.display())
}

/// PostgreSQL refuses to run as root.
fn as_postgres(words: &str) -> String {
    let bin = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().map(|entry| entry.path()).max();
    let bin = bin.map(|version| version.join("bin").display().to_string()).unwrap_or_default();
    let words = format!("PATH={bin}:$PATH {words}");
    match is_root() {
        true => format!("cd / && su postgres -s /bin/sh -c '{}'", words.replace('\'', "'\\''")),
        false => words,
    }
}

/// True when the program may change users and networks.
pub fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|told| told.stdout == b"0\n")
}

fn chown_to_postgres(folder: &Path) {
    if is_root() {
        let done = Command::new("chown").arg("postgres").arg(folder).status().expect("chown");
        assert!(done.success());
    }
}

fn run(words: &str) {
    let done = Command::new("sh").arg("-c").arg(as_postgres(words)).stdout(Stdio::null()).status().expect("a shell");
    assert!(done.success(), "{words}");
}

/// A server that is suspended until this is dropped.
pub struct SuspendedServer(Vec<u32>);

impl Drop for SuspendedServer {
    fn drop(&mut self) {
        // The first process last: it would take a silent child for dead.
        self.0.reverse();
        signal("CONT", &self.0);
    }
}

fn signal(name: &str, processes: &[u32]) {
    for process in processes {
        let _ = Command::new("kill").args([&format!("-{name}"), &process.to_string()]).stderr(Stdio::null()).status();
    }
}

/// A port that nobody listens on.
pub fn free_port() -> u16 {
    Probe::bind("127.0.0.1:0").and_then(|probe| probe.local_addr()).expect("a port").port()
}

/// A TCP proxy that can be redirected to another server; connections to the one before are closed.
#[derive(Clone)]
pub struct Proxy {
    pub address: SocketAddr,
    target: Arc<Mutex<u16>>,
}

impl Proxy {
    pub async fn open(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let proxy = Self { address: listener.local_addr().expect("an address"), target: Arc::new(Mutex::new(port)) };
        let target = proxy.target.clone();
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let port = *target.lock().unwrap_or_else(PoisonError::into_inner);
                tokio::spawn(async move {
                    if let Ok(mut server) = TcpStream::connect(("127.0.0.1", port)).await {
                        let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
                    }
                });
            }
        });
        proxy
    }

    pub fn redirect_to(&self, port: u16) {
        *self.target.lock().unwrap_or_else(PoisonError::into_inner) = port;
    }
}
