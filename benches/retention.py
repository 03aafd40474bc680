"""A run of retention on SQLite while `serve` runs: how long plan and run take, and what others wait.

Usage: retention.py SENDOFF FOLDER PORT -; called by benches/retention.sh, which makes the installation.
"""

from erasure import Prober, head, run


def main():
    head()
    for step in ("plan", "run"):
        with Prober(f"retention {step}") as prober:
            seconds, printed = run("--json", "retention", step)
            prober.answers.append(seconds)
        print(printed.strip())


if __name__ == "__main__":
    main()
