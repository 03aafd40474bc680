"""Erasures and corrections on SQLite while `serve` runs: how long a command takes, when the bytes are gone, and what others wait.

Usage: erasure.py SENDOFF FOLDER PORT ADDRESSES; called by benches/erasure.sh, which makes the installation. A second process takes
the write lock and reads a row every 10 ms, measures the WAL and asks /healthz every 100 ms.
"""

import http.client
import multiprocessing
import os
import sqlite3
import subprocess
import sys
import time

SENDOFF, FOLDER, WEB, ADDRESSES = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
DATABASE = os.path.join(FOLDER, "sendoff.db")
SCRUBBED = os.path.join(FOLDER, "journal", "erasures.scrubbed")
LOGS = [os.path.join(FOLDER, "journal", name) for name in ("erasures.log", "corrections.log")]
# Where the prober keeps what it has seen, in this order.
WRITER, READER, WAL, HEALTH, UNHEALTHY, LOOKS = range(6)


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def probe(seen, waits, over):
    """Until `over`: what a writer, a reader and /healthz of another process see."""
    conn = sqlite3.connect(DATABASE, timeout=0, isolation_level=None)
    conn.execute("pragma wal_autocheckpoint = 0")
    health_at = 0.0
    some = conn.execute("select id from contact limit 1").fetchone()[0]
    while not over.value:
        began = time.perf_counter()
        while True:
            try:
                conn.execute("begin immediate")
                conn.execute("rollback")
                break
            except sqlite3.OperationalError:
                time.sleep(0.001)
        waited = time.perf_counter() - began
        seen[WRITER] = max(seen[WRITER], waited)
        began = time.perf_counter()
        conn.execute("select address from contact where id = ?", (some,)).fetchone()
        seen[READER] = max(seen[READER], time.perf_counter() - began)
        seen[LOOKS] += 1
        waits[int(min(waited * 1000, len(waits) - 1))] += 1
        try:
            seen[WAL] = max(seen[WAL], os.stat(DATABASE + "-wal").st_size)
        except FileNotFoundError:
            pass
        if time.perf_counter() > health_at:
            health_at = time.perf_counter() + 0.1
            client = http.client.HTTPConnection("127.0.0.1", WEB, timeout=5)
            client.request("GET", "/healthz")
            seen[HEALTH] += 1
            seen[UNHEALTHY] += client.getresponse().status != 200
            client.close()
        time.sleep(0.01)


class Prober:
    """Runs `probe` beside the block and prints a line of the table when it ends."""

    def __init__(self, name):
        self.name, self.seen = name, multiprocessing.Array("d", 6)
        self.waits, self.over = multiprocessing.Array("q", 2000), multiprocessing.Value("b", 0)

    def __enter__(self):
        self.process = multiprocessing.Process(target=probe, args=(self.seen, self.waits, self.over))
        self.process.start()
        self.answers, self.gone = [], []
        return self

    def __exit__(self, *_):
        self.over.value = 1
        self.process.join()
        seen, total, p99, sofar = list(self.seen), sum(self.waits), 0, 0
        for ms, count in enumerate(self.waits):
            sofar += count
            if sofar >= 0.99 * total:
                p99 = ms
                break
        numbers = [
            1000 * percentile(self.answers, 0.5), 1000 * max(self.answers, default=0), percentile(self.gone, 0.5),
            max(self.gone, default=0), 1000 * seen[WRITER], p99, 1000 * seen[READER], seen[WAL] / 1048576,
        ]
        print(f"{self.name:<34}" + "".join(f"{number:>10.1f}" for number in numbers) + f"{seen[UNHEALTHY]:>7.0f} of {seen[HEALTH]:.0f}")
        sys.stdout.flush()


def run(*arguments):
    """Seconds that a command takes, the start of its process with it, and what it prints."""
    began = time.perf_counter()
    done = subprocess.run([SENDOFF, "--data", FOLDER, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{arguments}: {done.stdout}{done.stderr}")
    return time.perf_counter() - began, done.stdout


def command(*arguments):
    return run(*arguments)[0]


def is_clean():
    try:
        lengths = [int(word) for word in open(SCRUBBED, encoding="utf-8").read().split()]
    except FileNotFoundError:
        return False
    return all(length >= (os.stat(log).st_size if os.path.exists(log) else 0) for length, log in zip(lengths, LOGS))


def seconds_until_clean(limit):
    began = time.perf_counter()
    while not is_clean():
        if time.perf_counter() - began > limit:
            sys.exit(f"the bytes were not gone after {limit} s")
        time.sleep(0.02)
    return time.perf_counter() - began


def copies(addresses):
    """How often the addresses stand in the database file and its WAL."""
    listed = os.path.join(os.path.dirname(FOLDER), "erased.txt")
    with open(listed, "w", encoding="utf-8") as file:
        file.write("\n".join(addresses) + "\n")
    found = 0
    for path in (DATABASE, DATABASE + "-wal"):
        if os.path.exists(path):
            out = subprocess.run(["grep", "-a", "-o", "-F", "-f", listed, path], capture_output=True, check=False).stdout
            found += len(out.splitlines())
    return found


def one_by_one(name, addresses, arguments, erased):
    with Prober(name) as prober:
        for address in addresses:
            prober.answers.append(command(*arguments(address)))
            prober.gone.append(seconds_until_clean(120))
            erased.append(address)
            time.sleep(0.5)


def head():
    print(f"{'':<34}{'answer':>10}{'slowest':>10}{'gone':>10}{'slowest':>10}{'writer':>10}{'99 %':>10}{'reader':>10}{'WAL':>10}   unhealthy")
    print(f"{'':<34}{'ms':>10}{'ms':>10}{'s':>10}{'s':>10}{'max ms':>10}{'ms':>10}{'max ms':>10}{'max MiB':>10}")


def main():
    addresses, erased = [line.strip() for line in open(ADDRESSES, encoding="utf-8")], []
    take = lambda count: [addresses.pop() for _ in range(count)]
    head()
    with Prober("idle; answer is contact show") as prober:
        for address in take(10):
            prober.answers.append(command("contact", "show", address))
            time.sleep(0.2)
    began = time.perf_counter()
    with Prober("first look at all pages") as prober:
        prober.answers.append(command("contact", "erase", *take(1)))
        prober.gone.append(seconds_until_clean(1200))
    one_by_one("10 erasures", take(10), lambda address: ("contact", "erase", address), erased)
    one_by_one("10 corrections", take(10), lambda address: ("contact", "correct", address, "--address", "n" + address[1:]), erased)
    with Prober("40 erasures at once") as prober:
        for address in take(40):
            prober.answers.append(command("contact", "erase", address))
            erased.append(address)
        prober.gone.append(seconds_until_clean(120))
    print(f"copies of {len(erased)} erased and corrected addresses in database and WAL: {copies(erased)}")
    reader = sqlite3.connect(DATABASE, isolation_level=None)
    reader.execute("begin")
    reader.execute("select count(*) from list").fetchone()
    with Prober("10 erasures, a reader for 30 s") as prober:
        late = take(10)
        for address in late:
            prober.answers.append(command("contact", "erase", address))
        time.sleep(30)
        held = is_clean()
        reader.execute("rollback")
        prober.gone.append(seconds_until_clean(120))
    print(f"clean while the reader was there: {'yes' if held else 'no'}; copies afterwards: {copies(late)}")
    print("integrity:", sqlite3.connect(DATABASE).execute("pragma quick_check").fetchone()[0])


if __name__ == "__main__":
    main()
