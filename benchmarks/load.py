"""Does `humpback segment` take much at once: many small files, a large file, many short rows, two runs at a time?

Makes the documents, segments them in a process whose memory is limited, and takes for each case the time, the peak of
the memory of all its processes, and what came out. It fits, or it ends with one line.

    python benchmarks/load.py --json load.json
    python benchmarks/load.py --files 10000 --megabytes 0 --rows 0 --two 0      # 0 leaves a case out
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil
import pyarrow
from planted.process import run

from humpback import __version__

WORDS = (
    "the harbour keeps every boat near a wall of grey stone so that wind from the sea does no harm while rain drums "
    "against tin roofs and nobody hurries because good work takes time and patience grows from small careful steps"
).split()
_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Load:
    """What is to be segmented."""

    case: str
    documents: Path
    count: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Done:
    """How a case ended."""

    case: str
    documents: int
    bytes: int
    wall_s: float
    cpu_s: float
    peak_mib: int
    """Of all processes together: their own memory, and their parts of what they share."""
    exit_code: int
    segments: int
    last_line: str


def main() -> None:
    """Carries the cases out, prints and writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=100_000, help="small Markdown files")
    parser.add_argument("--megabytes", type=int, default=2000, help="size of one JSON-lines file")
    parser.add_argument("--rows", type=int, default=1_000_000, help="short rows of one file")
    parser.add_argument("--two", type=int, default=20_000, help="rows of each of two runs at once")
    parser.add_argument("--memory-gib", type=float, default=3.0, help="memory that each process may take")
    parser.add_argument("--work", type=Path, help="folder for temporary files")
    parser.add_argument("--json", type=Path, help="file to write")
    arguments = parser.parse_args()
    cases = []
    for name, make in CASES.items():
        if not (size := getattr(arguments, name)):
            continue
        with tempfile.TemporaryDirectory(dir=arguments.work) as folder:
            done = measured(make(Path(folder), size), Path(folder), int(arguments.memory_gib * 1024 * _MIB))
        cases += done
        for case in done:
            print(
                f"{case.case:<12}{case.documents:>10,} documents {case.bytes / 1e6:>8,.0f} MB {case.wall_s:>7.0f} s "
                f"{case.cpu_s:>7.0f} s of processor {case.peak_mib:>6,} MiB  exit {case.exit_code}  {case.last_line}",
                flush=True,
            )
        if arguments.json:
            arguments.json.write_text(
                json.dumps(figures(cases, arguments.memory_gib), indent=2) + "\n", encoding="utf-8"
            )


def figures(cases: list[Done], memory_gib: float) -> dict[str, Any]:
    """What is kept of the cases so far."""
    versions = {"humpback": __version__, "python": platform.python_version(), "pyarrow": pyarrow.__version__}
    return {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {psutil.virtual_memory().total >> 30} GiB",
        "versions": versions,
        "command": " ".join(["python", "benchmarks/load.py", *sys.argv[1:]]),
        "load_average": [round(load, 1) for load in os.getloadavg()],
        "memory_gib": memory_gib,
        "cases": [asdict(case) for case in cases],
    }


def small_files(folder: Path, count: int) -> list[Load]:
    """Markdown files in a hundred folders."""
    size = 0
    for number, text in enumerate(texts(count, 900)):
        path = folder / "docs" / f"{number % 100:02d}" / f"{number}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        size += path.write_text(f"# How to keep boat {number}\n\n{text}\n", encoding="utf-8")
    return [Load("files", folder / "docs", count, size)]


def large_file(folder: Path, megabytes: int) -> list[Load]:
    """One file of rows of four kilobytes."""
    return [lines(folder, "large file", texts(megabytes * 250, 3900))]


def short_rows(folder: Path, count: int) -> list[Load]:
    """Rows that are too short to keep, and one in a thousand that is not."""
    return [lines(folder, "short rows", texts(count, 30, every_thousandth=900))]


def two_runs(folder: Path, count: int) -> list[Load]:
    """Two at once, each on its own file."""
    return [lines(folder, f"two at once, {name}", texts(count, 900)) for name in ("first", "second")]


CASES: dict[str, Callable[[Path, int], list[Load]]] = {
    "files": small_files,
    "megabytes": large_file,
    "rows": short_rows,
    "two": two_runs,
}


def texts(count: int, chars: int, every_thousandth: int = 0) -> Iterator[str]:
    """So many texts of about so many characters, made of sentences drawn at random."""
    draw = random.Random(0)
    sentences = [" ".join(["Boat", *draw.choices(WORDS, k=14)]) + "." for _ in range(5000)]
    for number in range(count):
        most = every_thousandth if every_thousandth and number % 1000 == 0 else chars
        yield f"No. {number}. " + " ".join(draw.choices(sentences, k=max(1, most // 80)))


def lines(folder: Path, case: str, rows: Iterator[str]) -> Load:
    """Writes a JSON-lines file."""
    path, count = folder / f"{case}.jsonl", 0
    with path.open("w", encoding="utf-8") as file:
        for text in rows:
            file.write(json.dumps({"text": text}) + "\n")
            count += 1
    return Load(case, path, count, path.stat().st_size)


def measured(loads: list[Load], folder: Path, memory: int) -> list[Done]:
    """Segments the documents of all loads at once."""

    def segmented(load: Load) -> Done:
        out, log = folder / f"{load.case} out.jsonl", folder / f"{load.case}.txt"
        words = ["segment", str(load.documents), "--out", str(out), "--quiet"]
        cost = run([sys.executable, "-m", "humpback", *words], log, memory=memory)
        segments = sum(1 for _ in out.open("rb")) if out.exists() else 0
        *_, last = ["", *(cost.output + log.read_text(errors="replace")).strip().splitlines()]
        figures = (round(cost.wall_s, 1), round(cost.cpu_s, 1), round(cost.peak_pss_mib), cost.code)
        return Done(load.case, load.count, load.bytes, *figures, segments, last)

    with ThreadPoolExecutor(len(loads)) as together:
        return list(together.map(segmented, loads))


if __name__ == "__main__":
    main()
