"""One session with a run folder: carry out, plan, status; what the command line prints of them."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from humpback import models
from humpback.cli.options import print_json, print_lines
from humpback.cli.output import print_to, say, verbosity
from humpback.cli.plan_lines import memory_line, plan_lines, plan_values
from humpback.config import Config
from humpback.corpus.survey import file_line
from humpback.method.forecast import Measurement, forecast
from humpback.method.plan import plan
from humpback.method.record import base_identity, stage_names
from humpback.method.settings_file import read_config, with_decisions
from humpback.method.start_checks import plan_or_refuse
from humpback.runs.run_status import run_status
from humpback.runs.stage import Stage
from humpback.runs.status import status
from humpback.runs.store import Run, path_of

_GIB = 1 << 30


def run_config(name: str, folder: str, redo: list[str], changes: list[str], until: str = "") -> None:
    """Carries out a run and delivers its results; or carries out its stages up to one.

    Raises:
        HumpbackError: Whatever the user can mend.
    """
    from humpback.api.runs import run
    from humpback.cli.progress import ProgressDisplay
    from humpback.deliver.reporting import conclusion
    from humpback.deliver.results import some_pairs

    config = read_config(name, changes)
    console = Console(highlight=False, soft_wrap=True)
    if config.needs_base and (notice := models.licence(config.model).notice):
        print_to(console, f"base model {config.model.name}: {notice}")
    with ProgressDisplay(console) as display:
        finished = run(config, _folder(name, folder), redo=redo, until=until, progress=display)
    if not verbosity.quiet:
        for line in filter(None, (facts.files for facts in finished.counts.values())):
            print_to(console, line)
    if until:
        return
    for pair in some_pairs(Run(finished.path), 3):
        print_to(console, f"\n[{pair.score:.2f}] {pair.instruction}", style="bold")
        print_to(console, f"    {' '.join(pair.response.split())[:300]} ...  ({pair.source})")
    print_to(console, "")
    for line in conclusion(Run(finished.path)):
        print_to(console, line)
    print_to(console, "")
    for label, path in finished.delivered.items():
        print_to(console, f"{label:<10} {path}")


def show_plan(name: str, folder: str, changes: list[str], *, measures: bool = False, as_json: bool = False) -> None:
    """Prints each stage, where it stands and what it takes, as far as that can be known.

    Args:
        name: The configuration.
        folder: The run folder; empty takes the usual one.
        changes: Settings, as NAME=VALUE.
        measures: Whether to carry out a short try for rates of this machine.
        as_json: Whether to print one object in place of a table.
    """
    run = Run(_folder(name, folder))
    config = with_decisions(read_config(name, changes), run)
    stages = plan_or_refuse(lambda: plan(config, base_identity(run, config)), config, run)
    measured = _measured(config, run) if measures else Measurement()
    rows = forecast(stages, status(stages, run), config, run, measured)
    memory, disk = memory_line(config), disk_line(config, stages)
    if as_json:
        values = [plan_values(row, config.run.price_per_hour) for row in rows]
        print_json({"run": str(run.path), "stages": values, "memory": memory, "disk": disk})
        return
    print_lines(plan_lines(rows, config.run.price_per_hour))
    for line in filter(None, (*(stage.notice for stage in stages), memory, disk)):
        say(line)


def show_status(folder: str, *, as_json: bool = False) -> None:
    """Prints where a run is, from its own files alone."""
    run = Run(path_of(folder))
    standing = run_status(run, stage_names(run))
    findings: tuple[str, ...] = ()
    if any(stage.state == "done" and stage.name.startswith(("winrate", "rewritten-")) for stage in standing.stages):
        from humpback.deliver.results import Results  # which loads numpy

        findings = Results(run).findings()
    if as_json:
        print_json({"run": folder, **standing.values(), "findings": findings})
    else:
        *stages, run_line = standing.lines()
        manifests = filter(None, (run.stage(stage.name).manifest() for stage in standing.stages))
        print_lines(filter(None, (*stages, *map(file_line, manifests), *findings, run_line)))


def _folder(name: str, folder: str) -> Path:
    return path_of(folder) if folder else Path("runs") / Path(name.removeprefix("package:")).stem


def disk_line(config: Config, stages: Sequence[Stage]) -> str:
    """How much room the run's models take at most; empty where there are none, or the base's size is not known."""
    from humpback.models.size import parameters
    from humpback.training.requirements import PARAMETER_BYTES, training_disk_bytes

    size = parameters(config.model) if config.run.train != "none" else None
    if size is None:
        return ""
    count = sum(stage.makes is None for stage in stages)
    model = size * (2 if config.model.dtype == "bfloat16" else PARAMETER_BYTES)
    full = [training for training in (config.backward, config.forward) if training.method == "full"]
    meanwhile = max((training_disk_bytes(training, size) for training in full), default=0)
    line = f"disk: {count} models of {model / _GIB:.1f} GiB"
    return line + (f", and up to {meanwhile / _GIB:.1f} GiB of checkpoints while one is trained" if meanwhile else "")


def _measured(config: Config, run: Run) -> Measurement:
    """What a short try shows."""
    from humpback.cli.progress import ProgressDisplay
    from humpback.method.measure import measure

    console = Console(highlight=False, soft_wrap=True, stderr=True)
    with tempfile.TemporaryDirectory(prefix="humpback-") as folder, ProgressDisplay(console) as display:
        measured, why = measure(config, base_identity(run, config), Path(folder) / "run", display)
    if why:
        print_to(console, f"measured up to here: {why}")
    return measured
