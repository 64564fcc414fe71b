"""The stages one by one, on anybody's files: JSONL or Parquet in and out, without a run folder."""

from __future__ import annotations

import dataclasses
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Literal, TypeVar

from humpback import models, seed
from humpback.config import Config
from humpback.data_access.record_tables import TableWriter
from humpback.data_access.rows import Values, file_rows
from humpback.errors import ConfigError, InputError, StageError, StoreError
from humpback.method.plan import plan_corpus
from humpback.method.settings_file import with_changes
from humpback.records import Candidate, Dropped, Outcome, Pair, Segment, content_id
from humpback.runs.executor import execute
from humpback.runs.status import status
from humpback.runs.store import Run, remove

In = TypeVar("In")
Made = TypeVar("Made")
_WINDOW = 256
_CANDIDATE = {item.name for item in dataclasses.fields(Candidate)}
_LATER = {"gain"}
"""Columns that files of earlier versions lack."""


def segment_files(documents: list[str], out: Path, dropped: Path | None, changes: list[str]) -> str:
    """Cuts documents into clean segments, duplicates dropped across all of them; one line of counts.

    Unfinished work is kept beside the file, so that the same command goes on after a kill.
    """
    config = with_changes(Config.model_validate({"corpus": {"documents": documents}}), changes)
    stages = plan_corpus(config)
    kind = next(stage.makes for stage in reversed(stages) if stage.makes)
    with TableWriter(out, kind) as table, TableWriter(dropped, Dropped) as ledger:
        run = Run(out.with_name(f".{out.name}.work"))
        with run.locked():
            stale = [item.stage.name for item in status(stages, run) if item.state == "stale"]
            execute(stages, run, config, stale[:1])
        reasons: Counter[str] = Counter()
        for stage in stages:
            ledger.write(run.stage(stage.name).dropped())
            reasons.update(run.stage(stage.name).counts().dropped)
        last = run.stage(stages[-1].name)
        for index in last.committed():
            table.write(last.shard(index, kind))
        line = _counts(out, last.counts().kept, reasons)
    remove(run.path)
    return line


def explain_files(documents: list[str], changes: list[str]) -> Iterator[str]:
    """Says of documents what is cut from them, and why each piece is kept or dropped; line by line."""
    from humpback.corpus.explain import explain
    from humpback.text.contamination import read_contamination

    config = with_changes(Config(), changes)
    against = config.decontaminate
    yield from explain(documents, config.corpus, read_contamination(against) if against.against else None)


def finetune_files(
    pairs: str, out: Path, direction: Literal["forward", "backward"], model: str, changes: list[str]
) -> str:
    """Finetunes a model on pairs and writes its folder; one line of facts.

    Unfinished work is kept beside the folder, so that the same command goes on after a kill.

    Raises:
        StoreError: The folder is there already.
    """
    from humpback.finetune.train import finetune

    if out.exists():
        raise StoreError(f"{out} is there already", "choose another folder, or delete it first")
    config = with_changes(Config.model_validate({"model": {"name": model}, "seed": {"source": pairs}}), changes)
    settings = config.backward if direction == "backward" else config.forward
    given = seed.read_seed(config.seed, config.run.seed).kept
    split = seed.hold_out(given, config.seed, config.run.seed) if settings.early_stop_checks else seed.Split(given, ())
    base = models.resolve(config.model)
    run = Run(out.with_name(f".{out.name}.work"))
    with run.locked():
        made = Path(run.path) / "model"
        shutil.rmtree(made, ignore_errors=True)
        made.mkdir()
        try:
            summary = finetune(
                split.train,
                base=base.path,
                direction=direction,
                model=config.model,
                settings=settings,
                tags=config.tags,
                seed=config.run.seed,
                out=made,
                work=Path(run.path) / "checkpoints",
                heldout=split.heldout,
            )
        except (ConfigError, StageError):
            remove(run.path)
            raise
        shutil.move(made, out)
    remove(run.path)
    left = f", {sum(summary.dropped.values())} dropped" if summary.dropped else ""
    again = f" (the first {summary.resumed_from} before)" if summary.resumed_from else ""
    steps = f"{summary.steps} steps{again}, final loss {summary.final_loss:.3f}"
    return f"wrote {out}: {summary.examples} pairs{left}, {steps}"


def show_training(
    pairs: str, direction: Literal["forward", "backward"], model: str, changes: list[str], count: int, *, colour: bool
) -> Iterator[str]:
    """The first examples of a training as lines of tokens, in the order of the pairs; the model is not loaded."""
    from humpback.finetune.load import load_tokenizer, longest_example
    from humpback.finetune.show import show_examples
    from humpback.models.template import Template

    config = with_changes(Config.model_validate({"model": {"name": model}, "seed": {"source": pairs}}), changes)
    base = models.resolve(config.model).path
    template = Template(load_tokenizer(base, config.model))
    longest = longest_example(base, config.model)
    some = seed.read_seed(config.seed, config.run.seed).kept[:count]
    yield from show_examples(some, direction, template, config.tags, longest, colour=colour)


def instruct_files(segments: Path, model: str, out: Path, dropped: Path | None, changes: list[str]) -> str:
    """Lets a backward model write instructions; one line of counts."""
    from humpback.augment import instruct
    from humpback.engines.open import account, open_engine

    config = with_changes(Config.model_validate({"model": {"name": model}}), changes)
    rows = _segments(segments, config)
    unread = {} if config.model.engine_spec.reads_spans else {"gain": False}
    settings = config.augment.model_copy(update=unread)
    with open_engine(config.model) as engine:

        def step(window: Sequence[Segment]) -> Outcome[Candidate]:
            return instruct(window, engine, settings, config.run.seed, "candidates")

        line = write_kept(each_window(rows, step), Candidate, out, dropped)
        return "\n".join(filter(None, (line, account(engine))))


def each_window(rows: Iterable[In], step: Callable[[Sequence[In]], Outcome[Made]]) -> Iterator[Outcome[Made]]:
    """What a step makes of one window of rows after the other."""
    iterator = iter(rows)
    while window := list(islice(iterator, _WINDOW)):
        yield step(window)


def write_kept(outcomes: Iterator[Outcome[object]], kind: type, out: Path, dropped: Path | None) -> str:
    """Streams what is kept to one file and what is dropped to another; each appears when it is whole."""
    reasons: Counter[str] = Counter()
    kept = 0
    with TableWriter(out, kind) as table, TableWriter(dropped, Dropped) as ledger:
        for outcome in outcomes:
            table.write(outcome.kept)
            ledger.write(outcome.dropped)
            kept += len(outcome.kept)
            reasons.update(item.reason for item in outcome.dropped)
    return _counts(out, kept, reasons)


def _counts(out: Path, kept: int, reasons: Counter[str]) -> str:
    counts = ", ".join(f"{count:,} {reason}" for reason, count in reasons.most_common())
    return f"wrote {out}: {kept:,} kept" + (f", {sum(reasons.values()):,} dropped: {counts}" if counts else "")


def _segments(path: Path, config: Config) -> Iterator[Segment]:
    column = config.corpus.text_column
    for number, row in file_rows(path):
        text = str(row.get(column or "text") or row.get("response") or "")
        if not text:
            known = ", ".join(row)
            raise InputError(f"{path} row {number} has no text in '{column or 'text'}' (columns: {known})",
                             "name the column with --set corpus.text_column=NAME")  # fmt: skip
        path_titles = row.get("title_path")
        yield Segment(
            str(row.get("id") or content_id(text)),
            str(row.get("document_id") or ""),
            str(row.get("source") or f"{path.name}#{number}"),
            tuple(map(str, path_titles)) if isinstance(path_titles, list) else (),
            text,
            str(row.get("language") or ""),
        )


def read_candidates(path: Path, config: Config | None = None) -> Iterator[Candidate]:
    """Pairs in any layout that the seed may have; what `instruct` wrote keeps its ids and where it comes from.

    Raises:
        InputError: The file has no rows, or no columns that can be used.
    """
    config = config or Config()
    rows = file_rows(path)
    first = next(rows, None)
    if first is None:
        raise InputError(f"{path} has no rows", "give a file with pairs")
    if is_candidate(first[1]):
        for _, row in chain([first], rows):
            values = {name: row.get(name) for name in _CANDIDATE}
            titles = values.pop("title_path")
            yield Candidate(title_path=tuple(titles) if isinstance(titles, list) else (), **values)  # type: ignore[arg-type]
        return
    for item in seed.read_pairs(config.seed.model_copy(update={"source": str(path)})):
        if isinstance(item, Pair):
            yield Candidate(item.id, "", "", item.source, (), item.instruction, item.response, "", 0.0)


def is_candidate(row: Values) -> bool:
    """Whether a row is what `instruct` writes."""
    return set(row) >= _CANDIDATE - _LATER
