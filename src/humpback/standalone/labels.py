"""A scorer against labels: `humpback rate PAIRS --evaluate LABELS`.

Labels stand in the file of the pairs or in another one. A row with an instruction and a response belongs to the pair
that has both; one without belongs to the pair with its id. What has no partner is counted and said.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from humpback import seed
from humpback.config import Config
from humpback.config.scorers import spec_of
from humpback.data_access.decisions import is_decisions, read_rulings
from humpback.data_access.rows import Values, read_rows
from humpback.errors import InputError
from humpback.evaluation.labels import LabelColumns, Labels, read_labels
from humpback.evaluation.ranking import (
    Calibration,
    Figure,
    Judged,
    at_k,
    auroc,
    calibration,
    correlations,
    correlations_within,
    pairwise_accuracy,
)
from humpback.method.settings_file import with_changes
from humpback.records import Pair, Rating, content_id
from humpback.runs.store import Run, write_text
from humpback.seed.pairs import normal_text
from humpback.standalone.rate import read_ratings
from humpback.standalone.tables import is_candidate
from humpback.standalone.work import PLAIN, Command, How, carry_out
from humpback.statistics.figures import shown, span, without_nan

_ID_NAMES = ("id", "pair_id", "candidate_id", "reply_id", "message_id")
_SHARES = (0.1, 0.25, 0.5)
"""Parts of the pairs for precision and recall, where no numbers are given."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """Labels, each with the pair that it is of."""

    file: str
    labels: Labels
    ids: tuple[str, ...]
    """The pair of each row; empty where there is none."""
    lengths: dict[str, int]
    """Characters of the response of every pair that can be rated."""
    left_out: Counter[str]
    """Rows that are no pairs or belong to none, by reason."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """How a scorer's ratings agree with labels."""

    states: dict[str, int]
    judged: int
    good: int
    groups: int
    figures: tuple[Figure, ...]
    calibration: Calibration | None
    """Of scores that are probabilities."""
    length: Figure
    """Spearman's rho of the score and the length of the response: how far the scorer only counts characters."""


def read_labelled(pairs: Path, labels: Path, columns: LabelColumns, changes: list[str]) -> Labelled:
    """Reads the labels of some pairs; made before anything is rated, so that a mistake costs nothing.

    Raises:
        InputError: A file cannot be used, no label belongs to a pair, or all say the same.
    """
    config = with_changes(Config(), changes)
    rated = _rows(pairs, config)
    mended = 0
    if is_decisions(labels):
        rulings = {id_: ruling for id_, ruling in read_rulings(str(labels)).items() if ruling.verdict}
        # Who approves a mended pair says nothing of the text that is rated here.
        label_rows = [
            _Row({"id": id_, "good": ruling.verdict == "approve"})
            for id_, ruling in rulings.items()
            if ruling.verdict == "reject" or not ruling.edited
        ]
        mended = len(rulings) - len(label_rows)
    else:
        label_rows = rated if labels.resolve() == pairs.resolve() else _rows(labels, config, labels_only=True)
    by_content = {row.content: row.id for row in rated if row.id}
    by_id = {name: row.id for row in reversed(rated) if row.id for name in (row.id, *row.names)}
    ids = [
        by_content.get(row.content, "")
        if row.content
        else next((by_id[name] for name in row.names if name in by_id), "")
        for row in label_rows
    ]
    if not any(ids):
        raise InputError(f"no label in {labels} belongs to a pair in {pairs}",
                         "give labels of these pairs, joined by instruction and response or by an id")  # fmt: skip
    groups = {row.id: row.instruction for row in rated}
    prompts = [groups.get(id_, "") or row.instruction for id_, row in zip(ids, label_rows, strict=True)]
    labels_read = read_labels([row.values for row in label_rows], prompts, columns, labels.name)
    if len({label.value for id_, label in zip(ids, labels_read.rows, strict=True) if id_ and label}) < 2:
        raise InputError(f"the labels {labels_read.column!r} in {labels} are all the same",
                         "give pairs of which some are better than others")  # fmt: skip
    left_out = Counter(row.why for row in rated if not row.id)
    if label_rows is not rated:
        left_out |= {"label of no such pair": ids.count(""), "approved only once mended": mended}
    return Labelled(labels.name, labels_read, tuple(ids), {row.id: row.length for row in rated if row.id}, left_out)


def agreement_lines(
    labelled: Labelled,
    ratings: Path,
    counts: Sequence[int],
    figures: Path | None,
    changes: list[str],
    how: How = PLAIN,
) -> Iterator[str]:
    """How ratings agree with labels; lines of figures, and the same as JSON where a file is named.

    Args:
        labelled: What `read_labelled` gave for the same pairs.
        ratings: What `humpback rate` wrote.
        counts: Numbers of best-scored pairs for precision and recall; a tenth, a quarter and half of all unless given.
        figures: JSON file to write.
        how: How the figures are written.
        changes: Settings; of them `run.seed` counts, for the bootstrap.

    Raises:
        InputError: No pair has both a rating and a label.
    """
    ratings_by_id = {rating.id: rating for rating in read_ratings(ratings)}
    rows = _scored_and_labelled(labelled, ratings_by_id)
    specs = {spec_of(ratings_by_id[row.id].scorer) for row in rows}
    if not rows:
        raise InputError(f"no pair in {ratings} has a label in {labelled.file}", "give labels of these pairs")
    states = Counter[str](ratings_by_id[row.id].state for row in rows)
    scale = next(iter(specs)).scale if all(spec.is_probability for spec in specs) else None
    config = with_changes(Config(), changes)
    result = _agreement(rows, labelled, dict(states), counts, scale, config.run.seed)
    if config.curate.labels:
        yield "the scorer has learned from decisions (curate.labels): where these are the same, the figures flatter it"
    yield from _lines(result, labelled, len(ratings_by_id), len(rows))
    if figures:
        yield from _write_figures(figures, result, labelled, ratings, how)


def _write_figures(path: Path, result: Agreement, labelled: Labelled, ratings: Path, how: How) -> list[str]:
    facts = {"label": labelled.labels.column, "kind": labelled.labels.kind, "good": labelled.labels.rule}
    text = json.dumps(without_nan({"labels": facts, **asdict(result)}), indent=1) + "\n"

    def write(_: Run) -> list[str]:
        write_text(path, text)
        return [f"wrote {path}"]

    decides = {"figures": content_id(text)}
    return carry_out(Command([], Config(), path, write, (path,), (ratings,), decides), how)


def _scored_and_labelled(labelled: Labelled, ratings: dict[str, Rating]) -> list[Judged]:
    """One row for each pair that has a rating and a label; the first label of a pair counts."""
    rows: dict[str, Judged] = {}
    for id_, label in zip(labelled.ids, labelled.labels.rows, strict=True):
        if label and id_ in ratings and id_ not in rows:
            rows[id_] = Judged(id_, ratings[id_].score, label.value, label.good, label.group)
    return list(rows.values())


def _agreement(
    rows: Sequence[Judged],
    labelled: Labelled,
    states: dict[str, int],
    counts: Sequence[int],
    probabilities: tuple[float, float] | None,
    seed: int,
) -> Agreement:
    counts = counts or [max(1, round(share * len(rows))) for share in _SHARES]
    kind = labelled.labels.kind
    figures = [auroc(rows, seed), *at_k(rows, counts, seed)]
    if kind == "number":
        figures += correlations(rows, seed)
    if kind == "rank":
        figures += correlations_within(rows, seed)
    within = pairwise_accuracy(rows, seed)
    lengths = [replace(row, label=float(labelled.lengths[row.id])) for row in rows]
    return Agreement(
        states,
        len(rows),
        sum(bool(row.good) for row in rows),
        len({row.group for row in rows}),
        tuple(figures) + ((within,) if within.of else ()),
        calibration(rows, probabilities, seed) if probabilities else None,
        replace(correlations(lengths, seed)[0], name="Spearman with the length"),
    )


def _lines(result: Agreement, labelled: Labelled, rated: int, judged: int) -> Iterator[str]:
    labels = labelled.labels
    yield (
        f"{judged:,} pairs in {result.groups:,} groups against {labels.column!r} of {labelled.file} ({labels.kind}; "
        f"good is: {labels.rule}; {result.good:,} are)"
    )
    states = ", ".join(f"{count:,} {state}" for state, count in sorted(result.states.items()))
    yield f"  {states}; what has no score counts as worse than all that have one"
    joined = sum(bool(id_ and label) for id_, label in zip(labelled.ids, labels.rows, strict=True))
    lost = labelled.left_out | {
        "rated, without a label": rated - judged,
        "label of a pair that has one": joined - judged,
    }
    if reasons := ", ".join(f"{count:,} {reason}" for reason, count in lost.items() if count > 0):
        yield f"  left out: {reasons}"
    for figure in (*result.figures, *([result.calibration.error] if result.calibration else []), result.length):
        yield f"  {figure.name:<34}{_shown(figure)}"
    for score_bin in result.calibration.bins if result.calibration else ():
        yield (
            f"    scores of {score_bin.low:.1f} to {score_bin.high:.1f} (as probabilities): "
            f"{score_bin.pairs:,} pairs, mean {score_bin.predicted:.2f}, {score_bin.good:.0%} good"
        )


def _shown(figure: Figure) -> str:
    return f"{shown(figure.value, '.3f')} ({span(figure.interval, '.3f')})"


@dataclass(frozen=True, slots=True)
class _Row:
    """One row of a file, with the pair that it is."""

    values: Values
    id: str = ""
    """Empty where it is no pair that is rated."""
    content: str = ""
    instruction: str = ""
    length: int = 0
    why: str = "no pair"

    @property
    def names(self) -> tuple[str, ...]:
        """What the row may be called elsewhere."""
        return tuple(str(self.values[name]) for name in _ID_NAMES if self.values.get(name) not in (None, ""))


def _rows(path: Path, config: Config, *, labels_only: bool = False) -> list[_Row]:
    """Every row of a table, and of those that are pairs what they say.

    Raises:
        InputError: The table cannot be read; or it holds no pairs, unless it may hold labels only.
    """
    rows = {row.name: _Row(row.values) for row in read_rows(path)}
    if rows and is_candidate(next(iter(rows.values())).values):
        return [_as_candidate(row) for row in rows.values()]
    try:
        settings = config.seed.model_copy(update={"source": str(path), "turns": "first"})
        for item in seed.read_pairs(settings, to_learn=False):
            values = rows[item.source].values
            if isinstance(item, Pair):
                rows[item.source] = _Row(values, item.id, item.id, item.instruction, len(item.response))
            else:
                rows[item.source] = _Row(values, why=item.reason)
    except InputError:
        if not labels_only:
            raise
    return list(rows.values())


def _as_candidate(row: _Row) -> _Row:
    """What `instruct` wrote is rated under the id that it has."""
    instruction, response = (str(row.values[name]) for name in ("instruction", "response"))
    content = content_id(normal_text(instruction), normal_text(response))
    return _Row(row.values, str(row.values["id"]), content, instruction, len(response))
