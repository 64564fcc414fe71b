"""A run of the paper's size without a model: is the software ready for 502,133 candidates on a small machine?

Synthetic segments with the paper's lengths (1,722 ± 653 characters) go through candidates, two iterations of ratings
and selection, export and report with the `fake` engine. Every size runs in a process of its own, so that its peak
memory is its own. Prints a table and writes JSON.

    python benchmarks/dry_run.py                       # 50,000 and 502,133 segments
    python benchmarks/dry_run.py --sizes 2000 8000     # a short one
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import platform
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from humpback import __version__, models
from humpback.config import Config
from humpback.deliver.exporting import write_export
from humpback.deliver.reporting import write_report
from humpback.method.plan import plan
from humpback.method.settings_file import resolved
from humpback.records import Outcome, Segment, content_id
from humpback.runs.executor import execute
from humpback.runs.stage import Inputs, Produce, Stage
from humpback.runs.store import Run

ROWS = 2_000
WORDS = [
    f"{a}{b}" for a in "ba ce di fo gu la me ni po ru sa te".split() for b in "ler mon nic pas ran sel tor vin".split()
]


def synthetic(number: int) -> Segment:
    """One segment of words, with a length drawn from the paper's distribution."""
    draw = random.Random(number)
    length = int(min(3000, max(600, draw.gauss(1722, 653))))
    words = draw.choices(WORDS, k=length // 5)
    text = " ".join(" ".join(words[i : i + 12]).capitalize() + "." for i in range(0, len(words), 12))[:length]
    name = content_id(str(number))
    return Segment(name, f"doc{number // 3}", f"pages.jsonl#{number}", (f"Page {number}",), text, "en")


def synthetic_segments(size: int) -> Produce:
    """Takes the place of the stage that cuts documents."""

    def shards(inputs: Inputs, done: int) -> Iterator[Outcome[Segment]]:
        for start in range(done * ROWS, size, ROWS):
            rows = tuple(synthetic(number) for number in range(start, min(size, start + ROWS)))
            yield Outcome(rows, (), len(rows))

    return Produce(shards)


def measure(size: int, folder: Path) -> dict[str, object]:
    """Carries out one run and says what each part cost."""
    settings = {
        "run": {"shard_rows": ROWS},
        "model": {"engine": "fake"},
        "corpus": {"documents": [__file__], "format": "text"},
        "curate": {"select": {"threshold": 4.0}},
    }
    config = Config.model_validate(settings)
    stages: list[Stage] = [
        dataclasses.replace(stage, work=synthetic_segments(size)) if stage.name == "segments" else stage
        for stage in plan(config, models.identify(config.model))
    ]
    run = Run(folder)
    parts: dict[str, float] = {}
    with run.locked():
        run.save_config(resolved(config))
        execute(stages, run, config)
        for stage in stages:
            counts = run.stage(stage.name).counts() if stage.makes else None
            if counts is not None and stage.name not in ("seed", "evaluation"):
                parts[stage.name] = counts.seconds
        before = time.monotonic()
        write_export(run)
        parts["export"] = time.monotonic() - before
        before = time.monotonic()
        write_report(run)
        parts["report"] = time.monotonic() - before
    kept = {f"curated-{t}": run.stage(f"curated-{t}").counts().kept for t in (1, 2)}
    candidates = run.stage("candidates").counts().kept
    return {
        "segments": size,
        "candidates": candidates,
        **kept,
        "seconds": {name: round(value, 1) for name, value in parts.items()},
        "rows_per_second": {
            "candidates": round(size / parts["candidates"]),
            "ratings": round(candidates / parts["ratings-1"]),
            "selection": round(candidates / parts["curated-1"]),
            "export": round(kept["curated-2"] / parts["export"]),
        },
        "peak_memory_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "disk_mib": round(sum(p.stat().st_size for p in folder.rglob("*") if p.is_file()) / 2**20),
    }


def main() -> None:
    """Measures each size in a fresh process."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[50_000, 502_133])
    parser.add_argument("--json", type=Path, help="file to write")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one is not None:
        with tempfile.TemporaryDirectory() as folder:
            print(json.dumps(measure(arguments.one, Path(folder) / "run")))
        return
    results = []
    for size in arguments.sizes:
        done = subprocess.run(
            [sys.executable, __file__, "--one", str(size)], check=True, stdout=subprocess.PIPE, text=True
        )
        results.append(json.loads(done.stdout.splitlines()[-1]))
        print(json.dumps(results[-1], indent=2), flush=True)
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    whole = {"machine": machine, "humpback": __version__, "command": " ".join(sys.argv), "results": results}
    if arguments.json:
        arguments.json.write_text(json.dumps(whole, indent=2) + "\n", encoding="utf-8")
    for row in results:
        print(f"{row['segments']:>9,} segments  peak {row['peak_memory_mib']:>5} MiB  {row['rows_per_second']}")


if __name__ == "__main__":
    main()
