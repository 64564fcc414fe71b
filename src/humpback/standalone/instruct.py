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
from humpback.standalone.work import PLAIN, Command, How, carry_out, spent_lines


def instruct_files(
    segments: Path, config: Config, candidates: Path, dropped: Path | None = None, how: How = PLAIN
) -> list[str]:
    """Lets a backward model write instructions; lines of counts.

    Args:
        segments: Table with a text column.
        config: The settings; `model` is the backward model.
        candidates: File for the candidates: .jsonl or .parquet.
        dropped: File for what was dropped, and why.
        how: How the command is carried out.
    """
    check_endings(candidates, dropped)
    by = ExternalModel("backward", config.model)
    config = played_by(by, config)
    read = segments_stage(segments, config)
    plan = [read, *self_augment(config, read, by)]

    def write(run: Run) -> list[str]:
        ledger = chain.from_iterable(run.stage(stage.name).dropped() for stage in plan)
        line = write_records(candidates, Candidate, run.stage(plan[-1].name).records(Candidate), dropped, ledger)
        return [line, *spent_lines(run)]

    return carry_out(Command(plan, config, candidates, write, (candidates, dropped), (segments,)), how)
