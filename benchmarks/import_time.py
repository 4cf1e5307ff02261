"""Time of `import sportsml_lite` over an empty interpreter, and of the command's help.

Prints medians of several fresh interpreters, side by side, and their difference.
"""

import statistics
import subprocess
import sys
import time
from pathlib import Path

RUNS = 11
SPORTSML = str(Path(sys.executable).with_name("sportsml"))
CASES = {
    "empty interpreter": [sys.executable, "-c", "pass"],
    "import sportsml_lite": [sys.executable, "-c", "import sportsml_lite"],
    "import pandas": [sys.executable, "-c", "import pandas"],
    "sportsml --help": [SPORTSML, "--help"],
    "sportsml params 01": [SPORTSML, "params", "01"],
}


def seconds(command: list[str]) -> float:
    """Wall time of one run of a command."""
    begun = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begun


def main() -> None:
    times = {name: [] for name in CASES}
    for _ in range(RUNS):  # in turn, so that a busy moment meets all of them
        for name, command in CASES.items():
            times[name].append(seconds(command))
    empty = statistics.median(times["empty interpreter"])
    print(f"{'':22}{'median (s)':>12}{'over empty (s)':>16}")
    for name, values in times.items():
        middle = statistics.median(values)
        print(f"{name:22}{middle:12.3f}{middle - empty:16.3f}")


if __name__ == "__main__":
    main()
