"""What each step of the corpus costs on one core, and what that makes of a crawl on a cluster.

Carries out the stages from a web archive to unique segments, step by step in one process, and takes for each the
processor's seconds and the bytes it leaves. From these it works out seconds, disk and network for a crawl of a size and
a number of nodes; every figure it starts from is measured, but for the two that are given: cores and disk of a node.

    python benchmarks/make_warc.py --pages 20000 --out crawl.warc.gz
    python benchmarks/scale.py crawl.warc.gz --json scale.json
    python benchmarks/scale.py crawl.warc.gz --terabytes 100 --nodes 100 --cores 64
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from humpback import __version__
from humpback.config import Config
from humpback.method.plan import plan_corpus
from humpback.runs.inputs import RunInputs
from humpback.runs.shuffle import ApplyJob, MapJob, ReduceJob, ShuffleContext
from humpback.runs.stage import Produce, Shuffle, Stage
from humpback.runs.status import recipes
from humpback.runs.store import Run
from humpback.runs.tasks import ProduceJob

TERA = 10**12


@dataclass(frozen=True, slots=True)
class Step:
    """What one step cost here."""

    name: str
    tasks: int
    cpu_s: float
    wall_s: float
    left_bytes: int
    """Of shards, ledgers and tables that it wrote."""


def main() -> None:
    """Measures, works out, prints and writes."""
    arguments = _arguments()
    settings = {
        "corpus": {"documents": [str(arguments.archive)], "memory_mib": arguments.memory_mib},
        "run": {"shard_rows": arguments.shard_rows},
    }
    config = Config.model_validate(settings)
    with tempfile.TemporaryDirectory(dir=arguments.work) as folder:
        run = Run(Path(folder) / "run")
        steps, counts = measure(config, run)
    size = arguments.archive.stat().st_size
    found: dict[str, Any] = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        "humpback": __version__,
        "archive_bytes": size,
        "counts": counts,
        "peak_rss_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "steps": [asdict(step) for step in steps],
        "crawl": crawl(steps, size, arguments.terabytes * TERA, arguments.nodes * arguments.cores),
        "given": {"terabytes": arguments.terabytes, "nodes": arguments.nodes, "cores": arguments.cores},
    }
    _print(found)
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


def measure(config: Config, run: Run) -> tuple[list[Step], dict[str, Any]]:
    """Carries the stages out, one task after the other."""
    plan = plan_corpus(config)
    inputs = RunInputs(run, config, plan)
    steps: list[Step] = []
    counts = {}
    with run.locked():
        for stage in plan:
            folder = run.stage(stage.name)
            folder.start(recipes(plan)[stage.name])
            for name, job in _jobs(stage, inputs):
                steps.append(_timed(name, job, folder.path))
            folder.finish(recipes(plan)[stage.name], folder.counts(), {})
            counts[stage.name] = {"read": folder.counts().read, "kept": folder.counts().kept}
    return steps, counts


def _jobs(stage: Stage, inputs: RunInputs) -> list[tuple[str, Any]]:
    if isinstance(stage.work, Produce):
        return [(stage.name, ProduceJob(stage, stage.work, inputs))]
    if isinstance(stage.work, Shuffle):
        of = ShuffleContext(stage, stage.work, inputs)
        jobs = (("look", MapJob(of)), ("settle", ReduceJob(of)), ("apply", ApplyJob(of)))
        return [(f"{stage.name}: {name}", job) for name, job in jobs]
    raise TypeError(stage.name)


def _timed(name: str, job: Any, folder: Path) -> Step:
    before, cpu, wall = _size(folder), time.process_time(), time.monotonic()
    tasks = job.pending()
    with job.open() as do:
        for task in tasks:
            do(task)
    spent = round(time.process_time() - cpu, 3), round(time.monotonic() - wall, 3)
    return Step(name, len(tasks), *spent, _size(folder) - before)


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def crawl(steps: list[Step], size: int, wanted: float, cores: int) -> list[dict[str, Any]]:
    """Each step for so many bytes of archive on so many cores, as far as the work grows with the bytes."""
    times = wanted / size
    return [
        {
            "step": step.name,
            "core_hours": round(step.cpu_s * times / 3600, 1),
            "hours": round(step.cpu_s * times / 3600 / cores, 2),
            "left_terabytes": round(step.left_bytes * times / TERA, 2),
        }
        for step in steps
    ]


def _print(found: dict[str, Any]) -> None:
    given, size = found["given"], found["archive_bytes"] / 1e6
    print(f"{size:.0f} MB of archive, {found['counts']}, peak {found['peak_rss_mib']} MiB")
    wide = f"{given['terabytes']:g} TB on {given['nodes']} x {given['cores']} cores"
    print(f"{'':<18}{'cpu s':>9}{'MB/cpu-s':>10}{'left MB':>9}   {wide}: core-hours, hours, TB left")
    for step, far in zip(found["steps"], found["crawl"], strict=True):
        rate = size / max(step["cpu_s"], 1e-9)
        here = f"{step['name']:<18}{step['cpu_s']:>9.2f}{rate:>10.2f}{step['left_bytes'] / 1e6:>9.1f}"
        print(f"{here}   {far['core_hours']:>12,.0f} {far['hours']:>8.2f} {far['left_terabytes']:>8.2f}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("archive", type=Path)
    parser.add_argument("--work", type=Path, help="folder for the run, removed at the end")
    parser.add_argument("--shard-rows", type=int, default=1024)
    parser.add_argument("--memory-mib", type=int, default=1024)
    parser.add_argument("--terabytes", type=float, default=100)
    parser.add_argument("--nodes", type=int, default=100)
    parser.add_argument("--cores", type=int, default=64, help="of a node")
    parser.add_argument("--json", type=Path, help="file to write")
    return parser.parse_args()


if __name__ == "__main__":
    main()
