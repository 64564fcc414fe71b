"""Recovered gain in minutes: what an experiment with planted answers can say before any M_1 is trained.

Trains M_yx and M_0, writes instructions, and says how much of the true instructions' worth M_0 finds in the written
ones, and how well each scorer and the choice of segments tell planted answers from distractors. Without --quick it
carries out the whole experiment, as `humpback experiment` does: hours on two cores; run it again to continue.

    python benchmarks/recovered_gain.py --quick --pairs dolly15k.jsonl.gz --distractors blog=blog/ recipes=recipes.jsonl

A small model leaves a GPU waiting for Python most of the time: --processes 4 shares the arms among four.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import shutil
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from humpback import models
from humpback.cli.experiment import read_experiment, run_experiment, write_results
from humpback.config import SCORERS
from humpback.config.experiment import ExperimentSettings
from humpback.experiment.carry import carry_out, prepare
from humpback.experiment.plan import Grid, plan_experiment
from humpback.experiment.recovered import recovered
from humpback.experiment.recovered_tables import recovered_lines
from humpback.runs.executor import execute
from humpback.runs.progress import NoProgress
from humpback.runs.recipe import Counts
from humpback.runs.stage import Stage
from humpback.runs.store import Run

_SHARED = ("candidates", "forward-0", "heldout.base", "reading")
"""What all arms need, or most, is made before they are shared out."""

GRID = Path(__file__).parent / "experiments" / "recovered.yaml"


class Timed(NoProgress):
    """Prints each stage with its seconds."""

    def end(self, stage: Stage, counts: Counts) -> None:
        """A stage is done."""
        print(f"{stage.name}: {counts.kept} records, {counts.seconds:.0f} s", flush=True)


def without_training(grid: Grid) -> list[str]:
    """The last stages that need no M_1: what M_0 reads, what scorers and the choice of segments say.

    What stands on several drafts for a segment is left out: writing them takes longer than all else.
    """
    by_chance = {name for name, spec in SCORERS.items() if spec.by_chance}
    ratings = [
        name
        for name, stage in grid.stages.items()
        if name.startswith("ratings-1.") and stage.settings.get("curate.scorer") not in by_chance
    ]
    names = [*grid.readings.values(), *ratings, *(name for name in grid.stages if name.startswith("chosen"))]
    return [name for name in names if not any(stage.name.startswith("drafts") for stage in grid.leading_to([name]))]


def in_parallel(experiment: ExperimentSettings, out: Path, processes: int, deadline: float) -> None:
    """Carries the experiment out in several processes on one device, each with its share of the arms.

    What all arms share comes first. At the deadline all are stopped; what they have finished is collected in `out`, and
    what they have begun waits beside it for the next time.
    """
    grid, run = plan_experiment(experiment, models.identify(experiment.settings.model)), Run(out)
    names = list(experiment.arms)
    shares = [names[number::processes] for number in range(processes)]
    parts = [out.with_name(f"{out.name}.part{number}") for number in range(processes)]
    with run.locked():
        _collect(parts, out)
        prepare(grid, run, [])
        shared = [name for name in grid.stages if name in _SHARED]
        execute(grid.leading_to(shared), run, experiment.settings, progress=Timed())
        for part in parts:
            shutil.copytree(out, part, ignore=shutil.ignore_patterns("*lock*"), dirs_exist_ok=True)
        context = multiprocessing.get_context("spawn")
        workers = [
            context.Process(target=_carry_share, args=(experiment, part, share), daemon=True)
            for part, share in zip(parts, shares, strict=True)
        ]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(max(0.0, deadline - time.monotonic()))
            worker.kill()
        _collect(parts, out)
        for worker, part in zip(workers, parts, strict=True):
            if worker.exitcode == 0:
                shutil.rmtree(part)
        for path in write_results(experiment, grid, run, {}):
            print(f"wrote {path}")


def _carry_share(experiment: ExperimentSettings, part: Path, arms: Sequence[str]) -> None:
    grid = plan_experiment(experiment, models.identify(experiment.settings.model))
    ours = replace(grid, cells=[cell for cell in grid.cells if cell.row.arm in arms or not cell.seed])
    with Run(part).locked():
        for name, why in carry_out(
            ours, Run(part), experiment.settings, Timed(), keep_models=False, on_cell=lambda _: None
        ).items():
            print(f"{name} failed: {why}", flush=True)


def _collect(parts: Sequence[Path], out: Path) -> None:
    """Moves stages that a part has finished to where all are."""
    for part in parts:
        for stage in part.glob("stages/*"):
            if Run(part).stage(stage.name).manifest() and not Run(out).stage(stage.name).manifest():
                shutil.rmtree(out / "stages" / stage.name, ignore_errors=True)
                shutil.move(stage, out / "stages" / stage.name)


def main() -> None:
    """Reads the arguments and prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--grid", type=Path, default=GRID)
    parser.add_argument("--pairs", required=True, help="pairs by people")
    parser.add_argument("--distractors", nargs="*", default=[], metavar="KIND=DOCUMENTS")
    parser.add_argument("--out", default="runs/recovered")
    parser.add_argument("--quick", action="store_true", help="only what needs no M_1")
    parser.add_argument("--arms", nargs="*", help="only these of the grid's; those of 'against' and the oracle always")
    parser.add_argument("--processes", type=int, default=0, help="share the arms among so many on one device")
    parser.add_argument("--seconds-left", type=float, default=36000, help="stop in time; only with --processes")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", dest="changes")
    arguments = parser.parse_args()
    changes = [f"seed.source={arguments.pairs}"]
    if arguments.quick and arguments.grid == GRID:
        changes.append("recover.planted=96")  # half of the grid's: what fits into ten minutes of two cores
    changes += arguments.changes
    if arguments.distractors:
        kinds = [entry.partition("=") for entry in arguments.distractors]
        changes.append(f"recover.distractors={json.dumps({kind: [documents] for kind, _, documents in kinds})}")
    if not arguments.quick and not arguments.processes:
        raise SystemExit(1 if run_experiment(arguments.grid, arguments.out, [], changes) else 0)
    experiment = read_experiment(arguments.grid, changes)
    if arguments.arms:
        named = [*experiment.against, "oracle", *arguments.arms]
        arms = {name: arm for name, arm in experiment.arms.items() if name in named}
        experiment = experiment.model_copy(update={"arms": arms})
    if not arguments.quick:
        deadline = time.monotonic() + arguments.seconds_left
        in_parallel(experiment, Path(arguments.out), arguments.processes, deadline)
        return
    grid, run = plan_experiment(experiment, models.identify(experiment.settings.model)), Run(Path(arguments.out))
    started = time.monotonic()
    with run.locked():
        execute(grid.leading_to(without_training(grid)), run, experiment.settings, progress=Timed())
    facts = recovered(experiment, grid, run)
    if facts is None:
        raise SystemExit(f"{arguments.grid} plants nothing: it has no 'recover'")
    print("\n".join(recovered_lines(facts)))
    print(f"\n{time.monotonic() - started:.0f} seconds")


if __name__ == "__main__":
    main()
