"""`humpback segment`: documents to clean segments, duplicates dropped across all of them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from humpback.config import Config
from humpback.corpus.reading.sources import list_files
from humpback.corpus.survey import file_line, preview
from humpback.method.plan import plan_corpus
from humpback.records import Segment
from humpback.runs.store import Run
from humpback.standalone.tables import check_endings, write_records
from humpback.standalone.work import PLAIN, Command, How, carry_out

_NOT_CHOSEN = "corpus.choose was left out: it needs a seed, so that only 'humpback run' chooses segments"
_NOT_COMPARED = (
    "corpus.deduplicate.meaning was left out: it needs a base model, so that only 'humpback run' compares what "
    "segments say"
)


def segment_files(config: Config, segments: Path, dropped: Path | None = None, how: How = PLAIN) -> list[str]:
    """Cuts documents into segments; lines of counts.

    Args:
        config: The settings; `corpus.documents` names the documents.
        segments: File for the segments: .jsonl or .parquet.
        dropped: File for what was dropped, and why.
        how: How the command is carried out.
    """
    check_endings(segments, dropped)
    plan = plan_corpus(config)
    notes = [_NOT_COMPARED] if config.corpus.deduplicate.meaning is not None else []
    notes += [_NOT_CHOSEN] if config.corpus.choose.share < 1 else []

    def write(run: Run) -> list[str]:
        ledger = chain.from_iterable(run.stage(stage.name).dropped() for stage in plan)
        line = write_records(segments, Segment, run.stage(plan[-1].name).records(Segment), dropped, ledger)
        return [line, *filter(None, map(file_line, (stage.facts for stage in plan))), *notes]

    reads = tuple(Path(name) for name in config.corpus.documents if "://" not in name)
    return carry_out(Command(plan, config, segments, write, (segments, dropped), reads), how)


def preview_files(config: Config) -> Iterator[str]:
    """Says which files would be read and which not; line by line."""
    yield from preview(list_files(config.corpus, required=False))


def explain_files(config: Config) -> Iterator[str]:
    """Says of documents what is cut from them, and why each piece is kept or dropped; line by line."""
    from humpback.corpus.explain import explain
    from humpback.text.contamination import read_contamination

    against = config.decontaminate
    yield from explain(
        list(config.corpus.documents), config.corpus, read_contamination(against) if against.against else None
    )
