"""`humpback instruct`: a backward model writes an instruction for each of anybody's segments."""

from __future__ import annotations

from itertools import chain
from pathlib import Path

from humpback.config import Config
from humpback.method.external import played_by
from humpback.method.loop import self_augment
from humpback.records import Candidate
from humpback.runs.stage import ExternalModel
from humpback.runs.store import Run
from humpback.standalone.tables import check_endings, segments_stage, write_records
from humpback.standalone.work import Command, How, carry_out, spent_lines

_DEFAULT = How()


def instruct_files(
    segments: Path, config: Config, out: Path, dropped: Path | None = None, how: How = _DEFAULT
) -> list[str]:
    """Lets a backward model write instructions; lines of counts.

    Args:
        segments: Table with a text column.
        config: The settings; `model` is the backward model.
        out: File for the candidates: .jsonl or .parquet.
        dropped: File for what was dropped, and why.
        how: How the command is carried out.
    """
    check_endings(out, dropped)
    by = ExternalModel("backward", config.model)
    config = played_by(by, config)
    read = segments_stage(segments, config)
    plan = [read, *self_augment(config, read, by)]

    def write(run: Run) -> list[str]:
        ledger = chain.from_iterable(run.stage(stage.name).dropped() for stage in plan)
        line = write_records(out, Candidate, run.stage(plan[-1].name).records(Candidate), dropped, ledger)
        return [line, *spent_lines(run)]

    writes = (out, dropped) if dropped else (out,)
    return carry_out(Command(plan, config, out, write, writes, (segments,)), how)
