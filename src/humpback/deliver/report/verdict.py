"""The result in a few sentences, above all charts."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from humpback.deliver.facts import Difference, LossSummary
from humpback.deliver.report.data import RatingSummary, ReportData, Unfinished
from humpback.deliver.report.sentences import direction_warning
from humpback.statistics.figures import shown

Tone = Literal["good", "neutral", "bad"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """The sentences at the top of the page."""

    tone: Tone
    headline: str
    counts: str
    losses: str
    comparisons: tuple[str, ...]
    warnings: tuple[str, ...]


def verdict(data: ReportData) -> Verdict:
    """Says what was made and whether it helped, no more surely than the held-out pairs allow."""
    warnings = [item.separation.sentence for item in data.ratings if item.separation and item.separation.flat]
    warnings += [_often_asked_again(item) for item in data.ratings if item.asked_again > item.asked / 2]
    warnings += filter(None, [direction_warning(data.directions)])
    if data.unfinished:
        return _unfinished(data, data.unfinished, (*data.notes, *warnings))
    last = _last_forward(data)
    counts = _counts(data)
    if last and not math.isfinite(last.nats_per_token):
        name = data.name_of(last.model)
        headline = f"The held-out loss of {name} cannot be computed: the model gives no probabilities"
        return Verdict("bad", headline, counts, "Its training has failed; do not use it.", (), (*data.notes, *warnings))
    if last is None or not last.differences:
        return Verdict(
            "neutral",
            "No held-out comparison was made",
            counts,
            "Whether the data improve a model is not known.",
            (),
            (*data.notes, *warnings),
        )
    by_model = {item.against: item for item in last.differences}
    base, seed = by_model.get("base"), by_model.get(data.seed_model)
    name = data.name_of(last.model)
    losses = (
        f"On {last.pairs:,} held-out pairs the loss of {name} is {last.nats_per_token:.3f} nats per target "
        "token. With its standard error, that is"
    )
    labelled = ((base, "the base model"), (seed, SEED_LABEL))
    comparisons = tuple(_compare(item, label) for item, label in labelled if item)
    tone, headline = _headline(base, seed, name)
    warnings += filter(None, [_too_few(data, seed)])
    return Verdict(tone, headline, counts, losses, comparisons, (*data.notes, *warnings))


SEED_LABEL = "M₀, finetuned on the seed alone"


def direction_of_change(item: Difference) -> Literal["lower", "higher", "no clear difference"]:
    """What the 95 % interval allows to say."""
    if item.high < 0:
        return "lower"
    return "higher" if item.low > 0 else "no clear difference"


def _unfinished(data: ReportData, state: Unfinished, warnings: tuple[str, ...]) -> Verdict:
    """What is there and what is missing; nothing is concluded from a part of a run."""
    following, *later = state.stages
    total = state.finished + len(state.stages)
    counts = f"{state.finished} of {total} stages are done. The stage '{following}' is next"
    counts += f" ({state.shards:,} of its shards are done). " if state.shards else ". "
    if state.error:
        counts += f"It failed: {state.error.rstrip('.')}. "
    if later:
        counts += f"After it: {', '.join(later)}. "
    so_far = [
        f"{count:,} {noun}" for count, noun in ((data.segments, "segments"), (data.candidates, "candidates")) if count
    ]
    so_far += [f"{item.kept:,} pairs kept by iteration {item.iteration}" for item in data.ratings]
    losses = f"So far: {', '.join(so_far)}. " if so_far else ""
    losses += "Whether the data improve a model is not known before all stages are done."
    headline = f"This run is not finished: the stage '{following}' is next"
    return Verdict("neutral", headline, f"{counts}Continue with 'humpback run'.", losses, (), warnings)


def _often_asked_again(item: RatingSummary) -> str:
    share = f"{item.asked_again:,} of {item.asked:,}"
    return (
        f"In iteration {item.iteration} {share} replies had no score and were asked again "
        "for the grade alone. curate.scorer expected-rating asks for nothing else, and costs less."
    )


def _too_few(data: ReportData, seed: Difference | None) -> str:
    """Says so where there are fewer curated pairs than seed pairs, and no gain is seen; else nothing."""
    seed_pairs = next((stage.records_in for stage in data.stages if stage.name == data.seed_model), 0)
    if seed is None or direction_of_change(seed) == "lower" or data.curated >= seed_pairs:
        return ""
    return (
        f"There are {data.curated:,} curated pairs beside {seed_pairs:,} of the seed, and {seed.pairs:,} held-out "
        "pairs: too few to tell whether they help. With 180 beside 64, and 200 held out, it was seen (docs/results.md)."
    )


def _last_forward(data: ReportData) -> LossSummary | None:
    rows = [row for row in data.losses if row.direction == "forward" and row.model != "base"]
    return rows[-1] if rows else None


def _counts(data: ReportData) -> str:
    share = f" ({100 * data.curated / data.candidates:.1f} %)" if data.candidates else ""
    return (
        f"{data.curated:,} pairs curated{share} of {data.candidates:,} candidates, "
        f"which were written for {data.segments:,} segments."
    )


def _compare(item: Difference, label: str) -> str:
    direction = direction_of_change(item)
    size = f"{abs(item.difference):.3f} ± {item.standard_error:.3f}"
    interval = f"{signed(item.low)} to {signed(item.high)}"
    if direction == "no clear difference":
        sign = "lower" if item.difference < 0 else "higher"
        return f"{size} {sign} than {label}, which is no clear difference: the 95 % interval, {interval}, includes 0"
    return f"{size} {direction} than {label} (95 % interval {interval})"


def _headline(base: Difference | None, seed: Difference | None, name: str) -> tuple[Tone, str]:
    directions = [direction_of_change(item) if item else None for item in (base, seed)]
    if directions[1] is None:
        words: dict[str | None, tuple[Tone, str]] = {
            "lower": ("good", f"{name} predicts the held-out pairs better than the base model"),
            "higher": ("bad", f"{name} predicts the held-out pairs worse than the base model"),
        }
        return words.get(directions[0], ("neutral", f"{name} does not clearly differ from the base model"))
    if directions[1] == "lower" and directions[0] == "higher":
        return "bad", f"The curated pairs helped, but {name} is still worse than the base model"
    if directions[1] == "lower":
        return "good", f"The curated pairs helped: {name} predicts held-out answers better than the seed-only model"
    if directions[1] == "higher":
        return "bad", f"The curated pairs hurt: {name} predicts held-out answers worse than the seed-only model"
    if directions[0] == "lower":
        return "neutral", f"{name} beats the base model on held-out answers, but not clearly the seed-only model"
    return "neutral", f"{name} does not clearly differ from the seed-only model"


def signed(value: float) -> str:
    """A difference with its sign, a true minus included."""
    return shown(value, "+.3f").replace("-", "−")
