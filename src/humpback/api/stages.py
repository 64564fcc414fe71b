"""Each stage as a function, on rows in memory or on files: what the commands of the same names do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike, fspath
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from humpback.api.records import Records, ScratchFolder, file_records
from humpback.api.rows import Rows, Source, source_of, sources_of
from humpback.config import Config, ModelSettings, Settings
from humpback.errors import ConfigError
from humpback.method.settings_file import with_groups
from humpback.records import Candidate, Curated, Direction, Dropped, HeldOutLoss, Rating, Segment
from humpback.runs.progress import Progress
from humpback.standalone.finetune import finetune_files
from humpback.standalone.instruct import instruct_files
from humpback.standalone.likelihood import ModelLoss, likelihood_lines, model_losses
from humpback.standalone.rate import rate_files, select_files
from humpback.standalone.segment import segment_files
from humpback.standalone.work import How

Record = TypeVar("Record")
Group: TypeAlias = Settings | Mapping[str, Any]
"""A group of settings: an object of `humpback.config`, or a mapping from names to values."""
Model: TypeAlias = str | PathLike[str] | ModelSettings | Mapping[str, Any]
"""A model by its name or folder, what `finetune` gives, or the group of settings `model` as a whole."""


@dataclass(frozen=True, slots=True)
class FinetunedModel(PathLike[str]):
    """A model folder that `finetune` wrote; to be given wherever a model or a path is."""

    path: Path
    """The folder, in the Hugging Face layout."""
    summary: tuple[str, ...]
    """What the command prints: pairs, steps, loss."""
    scratch: ScratchFolder | None = field(default=None, repr=False)
    """The temporary folder that it is in, which goes with this object; None where `out` was given."""

    def __fspath__(self) -> str:
        return str(self.path)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """How likely models find pairs that none was trained on."""

    models: tuple[ModelLoss, ...]
    """In the order given: nats per target token with intervals, and the difference from the first model."""
    losses: Records[HeldOutLoss]
    """The loss of each model on each pair."""

    @property
    def summary(self) -> tuple[str, ...]:
        """What the command prints."""
        return self.losses.summary


def segment(
    documents: Rows | Sequence[Source],
    *,
    out: str | Path | None = None,
    dropped: str | Path | None = None,
    config: Config | None = None,
    force: bool = False,
    progress: Progress | None = None,
    **groups: Group,
) -> Records[Segment]:
    """Cuts documents into self-contained segments.

    Args:
        documents: Sources of documents, or rows with a column `text`, `html` or `markdown`.
        out: File for the segments, .jsonl or .parquet; a temporary one if there is none.
        dropped: File for what was dropped; beside `out` if there is none, as `NAME.dropped.jsonl`.
        config: The settings to start from.
        force: Overwrite what is there.
        progress: Is told of each stage and task.
        groups: Settings to change, by group: `corpus={"segment": {"min_chars": 400}}`.

    Returns:
        The segments.

    Raises:
        ConfigError: A setting is not right.
        InputError: Documents cannot be read.
        StageError: No segment is left.
        StoreError: `out` is there already, made by something else, or the disk is full.

    Example:
        >>> segments = humpback.segment([{"text": long_text, "url": "https://example.com"}])
    """
    work = _Work(out, dropped, force, progress)
    sources = sources_of(documents, work.scratch)
    changed = _settings(config, groups, corpus={"documents": sources})
    return work.records(Segment, lambda how: segment_files(changed, work.out, work.ledger, how))


def finetune(
    pairs: Rows,
    model: Model | None = None,
    *,
    augmented: Sequence[str | Path] = (),
    direction: Direction = "forward",
    out: str | Path | None = None,
    config: Config | None = None,
    force: bool = False,
    progress: Progress | None = None,
    **groups: Group,
) -> FinetunedModel:
    """Finetunes a model on pairs: instruction to response, or backwards.

    Args:
        pairs: Pairs in any layout of the seed: a source or rows.
        model: The base model; the one of the settings if there is none.
        augmented: Files of augmented pairs, such as what `select` wrote; they carry the other tag.
        direction: Which side is learnt.
        out: Model folder to write; a temporary one if there is none.
        config: The settings to start from.
        force: Overwrite what is there.
        progress: Is told of each step.
        groups: Settings to change, by group: `backward={"steps": 20}`.

    Returns:
        The model's folder.

    Raises:
        ConfigError: A setting is not right.
        InputError: Pairs cannot be read.
        ModelError: The base model is not there, or cannot be trained.
        StoreError: `out` is there already, made by something else, or the disk is full.

    Example:
        >>> m_yx = humpback.finetune("seed.jsonl", direction="backward", out="m-yx")
    """
    work = _Work(out, None, force, progress, name="model")
    source = {"source": source_of(pairs, "pairs", work.scratch)}
    changed = _settings(config, groups, seed=source, **_model(model))
    lines = finetune_files(changed, work.out, direction, work.how, tuple(map(Path, augmented)))
    return FinetunedModel(work.out, tuple(lines), None if out else work.scratch)


def instruct(
    segments: Rows,
    model: Model,
    *,
    out: str | Path | None = None,
    dropped: str | Path | None = None,
    config: Config | None = None,
    force: bool = False,
    progress: Progress | None = None,
    **groups: Group,
) -> Records[Candidate]:
    """Lets a backward model write an instruction for each segment.

    Args:
        segments: What `segment` gives, or any rows or source with a column `text`.
        model: The backward model.
        out: File for the candidates, .jsonl or .parquet; a temporary one if there is none.
        dropped: File for what was dropped; beside `out` if there is none.
        config: The settings to start from.
        force: Overwrite what is there.
        progress: Is told of each stage and task.
        groups: Settings to change, by group: `augment={"temperature": 0.5}`.

    Returns:
        The candidates: pairs of an instruction and a segment.

    Raises:
        ConfigError: A setting is not right.
        InputError: Segments cannot be read.
        ModelError: The model is not there.
        EngineError: The engine or the server does not answer.
        StageError: No instruction can be used.
        StoreError: `out` is there already, made by something else, or the disk is full.

    Example:
        >>> candidates = humpback.instruct(segments, m_yx)
    """
    work = _Work(out, dropped, force, progress)
    source = Path(source_of(segments, "segments", work.scratch))
    changed = _settings(config, groups, **_model(model))
    return work.records(Candidate, lambda how: instruct_files(source, changed, work.out, work.ledger, how))


def rate(
    pairs: Rows,
    model: Model,
    *,
    backward_model: Source = "",
    calibration: str | Path | None = None,
    out: str | Path | None = None,
    dropped: str | Path | None = None,
    config: Config | None = None,
    force: bool = False,
    progress: Progress | None = None,
    **groups: Group,
) -> Records[Rating]:
    """Lets a model rate pairs.

    Args:
        pairs: What `instruct` gives, or pairs in any layout of the seed: rows or a source.
        model: The model that rates.
        backward_model: M_yx, for `two-questions` and scorers such as `stored-gain` of pairs that it did not write.
        calibration: File that keeps how the model reads good pairs, for the scorer `calibrated`.
        out: File for the ratings, .jsonl or .parquet; a temporary one if there is none.
        dropped: File for what is no pair; beside `out` if there is none.
        config: The settings to start from.
        force: Overwrite what is there.
        progress: Is told of each stage and task.
        groups: Settings to change, by group: `curate={"scorer": "expected-rating"}`.

    Returns:
        A rating for each pair, by the pair's `id`: a `score`, or a `state` that says why there is none.

    Raises:
        ConfigError: A setting is not right.
        InputError: Pairs cannot be read.
        ModelError: The model is not there.
        EngineError: The engine or the server does not answer.
        StageError: Too few ratings have a score.
        StoreError: `out` is there already, made by something else, or the disk is full.

    Example:
        >>> ratings = humpback.rate(candidates, m_0, curate={"scorer": "expected-rating"})
    """
    work = _Work(out, dropped, force, progress)
    source = Path(source_of(pairs, "pairs", work.scratch))
    changed = _settings(config, groups, **_model(model))
    backward = fspath(backward_model)
    calibration_file = Path(calibration) if calibration else None
    return work.records(
        Rating, lambda how: rate_files(source, changed, work.out, work.ledger, backward, how, calibration_file)
    )


def select(
    pairs: Rows,
    ratings: Rows,
    *,
    out: str | Path | None = None,
    dropped: str | Path | None = None,
    config: Config | None = None,
    force: bool = False,
    progress: Progress | None = None,
    **groups: Group,
) -> Records[Curated]:
    """Keeps the best-rated pairs.

    Args:
        pairs: The pairs that were rated.
        ratings: What `rate` gives.
        out: File for the curated pairs, .jsonl or .parquet; a temporary one if there is none.
        dropped: File for what was left out; beside `out` if there is none.
        config: The settings to start from.
        force: Overwrite what is there.
        progress: Is told of each stage and task.
        groups: Settings to change, by group: `curate={"select": {"top_share": 0.3}}`.

    Returns:
        The curated pairs, each with its score.

    Raises:
        ConfigError: A setting is not right.
        InputError: Pairs or ratings cannot be read.
        StageError: No pair is good enough.
        StoreError: `out` is there already, made by something else, or the disk is full.

    Example:
        >>> curated = humpback.select(candidates, ratings, curate={"select": {"top_share": 0.3}})
    """
    work = _Work(out, dropped, force, progress)
    source = Path(source_of(pairs, "pairs", work.scratch))
    rated = Path(source_of(ratings, "ratings", work.scratch))
    changed = _settings(config, groups)
    return work.records(Curated, lambda how: select_files(source, rated, changed, work.out, work.ledger, how))


def evaluate(
    pairs: Rows,
    models: Source | Sequence[Source],
    *,
    direction: Direction = "forward",
    out: str | Path | None = None,
    config: Config | None = None,
    force: bool = False,
    progress: Progress | None = None,
    **groups: Group,
) -> Evaluation:
    """Measures how likely models find pairs: what `humpback evaluate likelihood` does.

    Args:
        pairs: Pairs that no model was trained on, in any layout of the seed: a source or rows.
        models: A model by name or folder, or several; each is compared with the first.
        direction: Which side is predicted from the other.
        out: File for each model's loss on each pair, .jsonl or .parquet; a temporary one if there is none.
        config: The settings to start from.
        force: Overwrite what is there.
        progress: Is told of each stage and task.
        groups: Settings to change, by group: `model={"max_tokens": 2048}`.

    Returns:
        The loss of each model, with intervals, and the difference from the first.

    Raises:
        ConfigError: A setting is not right, no model is named, or one is named twice.
        InputError: Pairs cannot be read.
        ModelError: A model is not there.
        StageError: The models have no pair in common that they can read.
        StoreError: `out` is there already, made by something else, or the disk is full.

    Example:
        >>> humpback.evaluate("heldout.jsonl", [m_0, m_2]).models[1].difference
    """
    names = [fspath(model) for model in ([models] if isinstance(models, str | PathLike) else models)]
    if not names:
        raise ConfigError("no model is named", "name one or more, such as models=['m-0', 'm-2']")
    work = _Work(out, None, force, progress)
    source = {"source": source_of(pairs, "pairs", work.scratch)}
    changed = _settings(config, groups, seed=source)
    lines = likelihood_lines(changed, names, direction, work.out, work.how)
    losses = file_records(work.out, HeldOutLoss, work.scratch, lines)
    return Evaluation(model_losses(list(losses), names)[0], losses)


class _Work:
    """Where one call writes: what the caller named, or a temporary folder.

    Args:
        out: File or folder to write.
        dropped: File for what is dropped.
        force: Overwrite what is there.
        progress: Is told of each stage and task.
        name: Of what is written where `out` is None.
    """

    def __init__(
        self,
        out: str | Path | None,
        dropped: str | Path | None,
        force: bool,
        progress: Progress | None,
        name: str = "records.parquet",
    ) -> None:
        self.scratch = ScratchFolder()
        self.out = Path(out) if out else self.scratch.path / name
        self.ledger = Path(dropped) if dropped else self.out.with_name(f"{self.out.stem}.dropped{self.out.suffix}")
        self.how = How(force, progress)

    def records(self, kind: type[Record], write: Callable[[How], list[str]]) -> Records[Record]:
        """Carries the work out; what it wrote."""
        lines = write(self.how)
        return file_records(self.out, kind, self.scratch, lines, file_records(self.ledger, Dropped, self.scratch))


def _model(model: Model | None) -> dict[str, Group]:
    if model is None:
        return {}
    return {"model": {"name": fspath(model)} if isinstance(model, str | PathLike) else model}


def _settings(config: Config | None, groups: Mapping[str, Group], **arguments: Group) -> Config:
    return with_groups(config or Config(), groups, arguments)
