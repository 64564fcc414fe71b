"""Recovered gain in minutes: what an experiment with planted answers can say before any M_1 is trained.

Trains M_yx and M_0, writes instructions, and says how much of the true instructions' worth M_0 finds in the written
ones, and how well each scorer and the choice of segments tell planted answers from distractors. Without --quick it
carries out the whole experiment, as `humpback experiment` does: hours on two cores; run it again to continue.

    python benchmarks/recovered_gain.py --quick --pairs dolly15k.jsonl.gz --distractors blog=blog/ recipes=recipes.jsonl
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

from humpback import models
from humpback.cli.experiment import read_experiment, run_experiment
from humpback.config import SCORERS
from humpback.experiment.plan import Grid, plan_experiment
from humpback.experiment.recovered import recovered
from humpback.experiment.recovered_tables import recovered_lines
from humpback.runs.executor import NoProgress, execute
from humpback.runs.recipe import Counts
from humpback.runs.stage import Stage
from humpback.runs.store import Run

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


def main() -> None:
    """Reads the arguments and prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--grid", type=Path, default=GRID)
    parser.add_argument("--pairs", required=True, help="pairs by people")
    parser.add_argument("--distractors", nargs="*", default=[], metavar="KIND=DOCUMENTS")
    parser.add_argument("--out", default="runs/recovered")
    parser.add_argument("--quick", action="store_true", help="only what needs no M_1")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", dest="changes")
    arguments = parser.parse_args()
    changes = [f"seed.source={arguments.pairs}"]
    if arguments.quick and arguments.grid == GRID:
        changes.append("recover.planted=96")  # half of the grid's: what fits into ten minutes of two cores
    changes += arguments.changes
    if arguments.distractors:
        kinds = [entry.partition("=") for entry in arguments.distractors]
        changes.append(f"recover.distractors={json.dumps({kind: [documents] for kind, _, documents in kinds})}")
    if not arguments.quick:
        raise SystemExit(1 if run_experiment(arguments.grid, arguments.out, [], changes) else 0)
    experiment = read_experiment(arguments.grid, changes)
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
