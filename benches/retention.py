"""A run of retention on SQLite while `serve` runs: how long plan and run take, and what others wait.

Usage: retention.py SENDOFF FOLDER PORT -; called by benches/retention.sh, which makes the installation.
"""

import json
import subprocess
import time

from erasure import FOLDER, SENDOFF, Prober, command, head


def rows(*arguments):
    done = subprocess.run([SENDOFF, "--data", FOLDER, "--json", *arguments], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def main():
    head()
    with Prober("retention plan") as prober:
        began = time.perf_counter()
        planned = rows("retention", "plan")
        prober.answers.append(time.perf_counter() - began)
    print(json.dumps(planned))
    with Prober("retention run") as prober:
        began = time.perf_counter()
        done = rows("retention", "run")
        took = time.perf_counter() - began
        prober.answers.append(took)
    print(json.dumps(done))
    print(f"{took:.1f} s")
    with Prober("retention plan afterwards") as prober:
        prober.answers.append(command("retention", "plan"))


if __name__ == "__main__":
    main()
