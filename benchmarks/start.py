"""How long a user waits for `humpback --help` and `plan`: best and median of some starts, each a fresh process.

python benchmarks/start.py
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

from humpback import __version__

COMMANDS = (("--help",), ("plan", "package:demo"), ("run", "--help"))


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--starts", type=int, default=10)
    parser.add_argument("--json", type=Path, help="file to write")
    arguments = parser.parse_args()
    results = {}
    for command in COMMANDS:
        seconds = []
        for _ in range(arguments.starts):
            before = time.perf_counter()
            subprocess.run([sys.executable, "-m", "humpback", *command], check=True, stdout=subprocess.DEVNULL)
            seconds.append(time.perf_counter() - before)
        name = " ".join(("humpback", *command))
        results[name] = {"best": round(min(seconds), 3), "median": round(statistics.median(seconds), 3)}
        print(f"{name:<28} best {min(seconds):.2f} s, median {statistics.median(seconds):.2f} s")
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    if arguments.json:
        whole = {"machine": machine, "humpback": __version__, "starts": arguments.starts, "results": results}
        arguments.json.write_text(json.dumps(whole, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
