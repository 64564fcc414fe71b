"""One session with a run folder: carry out, plan, status; what the command line prints of them."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from humpback import models
from humpback.cli.plan_lines import memory_line, plan_lines
from humpback.config import Config
from humpback.errors import StoreError
from humpback.method.forecast import Measurement, forecast
from humpback.method.plan import plan
from humpback.method.record import read_record, record_of, save_record
from humpback.method.settings_file import read_config, resolved
from humpback.method.start_checks import check_start, plan_or_refuse
from humpback.runs.stage import Stage
from humpback.runs.status import status
from humpback.runs.store import Run, path_of

_GIB = 1 << 30


def run_config(name: str, out: str, redo: list[str], changes: list[str], until: str = "") -> None:
    """Carries out a run and delivers its results; or carries out its stages up to one.

    Raises:
        HumpbackError: Whatever the user can mend.
    """
    config = read_config(name, changes)
    run = Run(_folder(name, out))
    stages = plan_or_refuse(lambda: plan(config, models.identify(config.model)), config, run)
    selected = _until(stages, until)
    check_start(selected, config, run, redo, needs_seed=True)
    console = Console(highlight=False, soft_wrap=True)
    if notice := models.licence(config.model).notice:
        console.print(f"base model {config.model.name}: {notice}", markup=False)
    with run.locked():
        _refuse_stale(stages, run, redo)
        # Only now: a run that is refused must not change what the folder says of itself.
        run.save_config(resolved(config))
        save_record(run, record_of(stages, config))
        _carry_out(config, selected, run, console)
        if not until:
            _deliver(run, console)


def show_plan(name: str, out: str, changes: list[str], *, measures: bool = False) -> None:
    """Prints each stage, where it stands and what it takes, as far as that can be known.

    Args:
        name: The configuration.
        out: The run folder; empty takes the usual one.
        changes: Settings, as NAME=VALUE.
        measures: Whether to carry out a short try for rates of this machine.
    """
    config = read_config(name, changes)
    run = Run(_folder(name, out))
    stages = plan_or_refuse(lambda: plan(config, models.identify(config.model)), config, run)
    console = Console(highlight=False, soft_wrap=True)
    measured = _measured(config, console) if measures else Measurement()
    for line in plan_lines(forecast(stages, status(stages, run), config, run, measured)):
        console.print(line, markup=False)
    if line := memory_line(config):
        console.print(line, markup=False)
    if line := disk_line(config, stages):
        console.print(line, markup=False)


def show_status(folder: str) -> None:
    """Prints how far a run is, from its own files alone."""
    run = Run.existing(path_of(folder))
    names = read_record(run).stages
    console = Console(highlight=False, soft_wrap=True)
    width = max(map(len, names))
    for name in names:
        stage = run.stage(name)
        manifest = stage.manifest()
        if manifest is None:
            shards = len(stage.committed())
            console.print(f"{name:<{width}} {f'begun, {shards} shards' if shards else 'to do'}", markup=False)
            continue
        counts = manifest["counts"]
        reasons = sorted(counts["dropped"].items(), key=lambda item: -item[1])
        line = f"{name:<{width}} {counts['kept']:>9,} of {counts['read']:>9,}  {counts['seconds']:>8.1f} s  "
        console.print(line + ", ".join(f"{count:,} {reason}" for reason, count in reasons), markup=False)


def _refuse_stale(stages: Sequence[Stage], run: Run, redo: list[str]) -> None:
    from humpback.runs.executor import refuse_stale

    refuse_stale(stages, run, redo)


def _carry_out(config: Config, stages: Sequence[Stage], run: Run, console: Console) -> None:
    from humpback.cli.progress import Bars
    from humpback.runs.executor import execute

    with Bars(console) as bars:
        execute(stages, run, config, progress=bars)


def _deliver(run: Run, console: Console) -> None:
    from humpback.deliver.exporting import write_export
    from humpback.deliver.reporting import write_report
    from humpback.deliver.results import some_pairs

    written = write_export(run)
    report = write_report(run)
    for pair in some_pairs(run, 3):
        console.print(f"\n[{pair.score:.2f}] {pair.instruction}", markup=False, style="bold")
        console.print(f"    {' '.join(pair.response.split())[:300]} ...  ({pair.source})", markup=False)
    console.print()
    for label, path in (*written.items(), ("report", report)):
        console.print(f"{label:<10} {path}", markup=False)


def _folder(name: str, out: str) -> Path:
    return path_of(out) if out else Path("runs") / Path(name.removeprefix("package:")).stem


def disk_line(config: Config, stages: Sequence[Stage]) -> str:
    """How much room the run's models take at most; empty where the base model's size is not known yet."""
    from humpback.finetune.requirements import PARAMETER_BYTES, training_disk_bytes
    from humpback.models.size import parameters

    size = parameters(config.model)
    if size is None:
        return ""
    count = sum(stage.makes is None for stage in stages)
    model = size * (2 if config.model.dtype == "bfloat16" else PARAMETER_BYTES)
    full = [training for training in (config.backward, config.forward) if training.method == "full"]
    meanwhile = max((training_disk_bytes(training, size) for training in full), default=0)
    line = f"disk: {count} models of {model / _GIB:.1f} GiB"
    return line + (f", and up to {meanwhile / _GIB:.1f} GiB of checkpoints while one is trained" if meanwhile else "")


def _until(stages: Sequence[Stage], last: str) -> Sequence[Stage]:
    names = [stage.name for stage in stages]
    if not last:
        return stages
    if last not in names:
        raise StoreError(f"--until {last}: no such stage", f"the stages are {', '.join(names)}")
    return stages[: names.index(last) + 1]


def _measured(config: Config, console: Console) -> Measurement:
    """What a short try shows."""
    from humpback.cli.progress import Bars
    from humpback.method.measure import measure

    with tempfile.TemporaryDirectory(prefix="humpback-") as folder, Bars(console) as bars:
        measured, why = measure(config, models.identify(config.model), Path(folder) / "run", bars)
    if why:
        console.print(f"measured up to here: {why}", markup=False)
    return measured
