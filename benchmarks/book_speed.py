"""Seconds of the book: from clean, with nothing changed, after one edit; run by hand.

    python benchmarks/book_speed.py           the book
    python benchmarks/book_speed.py --test    the tests, too

Works on a copy of the files that git knows, so that nothing built here is touched or used.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BOOK = [sys.executable, "-c", "from sportsml_lite.cli import main; main()", "book"]
LIMITS = {"from clean": 100, "nothing changed": 3, "all tests": 270}  # seconds, two idle cores


def copied(folder: Path) -> None:
    """The files of git's index, as they lie here."""
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True)
    for name in filter(None, names.stdout.decode().split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes((ROOT / name).read_bytes())


def timed(command: list[str], folder: Path) -> tuple[float, str]:
    """Seconds and output of a command in the copy; it stops here if the command fails."""
    environment = os.environ | {"PYTHONPATH": str(folder)}
    begun = time.perf_counter()
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    taken = time.perf_counter() - begun
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stdout}\n{done.stderr}")
    return taken, done.stdout


def row(what: str, seconds: float) -> None:
    """One line: what, seconds, and the limit where there is one."""
    limit = f"   at most {LIMITS[what]}" if what in LIMITS else ""
    print(f"{what:<28}{seconds:>7.1f} s{limit}", flush=True)


def parts(said: str) -> dict[str, float]:
    """Seconds of each notebook, from what the build said."""
    found = re.findall(r"^  (\w+): executed in ([\d.]+) s", said, re.M)
    return {name: float(seconds) for name, seconds in found}


def main() -> None:
    """Build the book three times, and print how long its parts took."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--test", action="store_true", help="run all tests, too")
    wanted = arguments.parse_args()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} when it began")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        copied(folder)
        whole, said = timed(BOOK, folder)
        for notebook, seconds in sorted(parts(said).items()):
            row(f"  {notebook}", seconds)
        row("from clean", whole)
        row("nothing changed", timed(BOOK, folder)[0])
        lesson = folder / "notebooks" / "03_mse.py"
        lesson.write_text(lesson.read_text(encoding="utf-8") + "\n# %%\n1 + 1\n", encoding="utf-8")
        row("one lesson edited", timed(BOOK, folder)[0])
        copied(folder)
        if wanted.test:
            seconds, said = timed([sys.executable, "-m", "pytest", "-q"], folder)
            for slow in re.findall(r"^[\d.]+s (?:call|setup).*$", said, re.M):
                print(f"  {slow}")
            row("all tests", seconds)


if __name__ == "__main__":
    main()
