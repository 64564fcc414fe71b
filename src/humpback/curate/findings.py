"""What a rating found, in words: for the report and for the drop ledger of a selection."""

from __future__ import annotations

import re

from humpback.curate.calibration import WEIGHT
from humpback.curate.likelihood import LIKELIHOODS
from humpback.reasons import REASONS, in_words
from humpback.records import Rating

NOTABLE = 1.0
"""Distances below the good pairs, in their own spread, from which a sign is named."""

_LEADS = {
    "additive": "Probability of each criterion:",
    "ensemble": "Better than so many of all candidates:",
    "yes-no": "Probability that the answer is good:",
}
_VALUE = re.compile(r"(\S+)=([-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?)(?=\s|$)")
_SHARES = re.compile(r"p=(\d\.\d+(?:,\d\.\d+){4})(?=\]|\s|$)")


def low_signs(rating: Rating) -> list[tuple[str, float]]:
    """The signs for which a pair falls below good ones, the most suspicious first, with how many spreads it does.

    Empty for any other scorer than `calibrated`.
    """
    if rating.scorer != "calibrated" or not rating.reply.startswith("suspicion="):
        return []
    distances = [(name, -float(value)) for name, value in _VALUE.findall(rating.reply) if name in REASONS]
    below = [(name, distance) for name, distance in distances if distance >= NOTABLE]
    return sorted(below, key=lambda sign: -WEIGHT.get(sign[0], 1.0) * sign[1] ** 2)


def finding(rating: Rating) -> str:
    """What a rating saw: the numbers of a scorer as a sentence, a reply that a model wrote as it is."""
    if rating.state == "skipped":
        return rating.reply.replace("out of reach: ", "a cheaper scorer placed it low: ")
    if signs := low_signs(rating):
        listed = "; ".join(f"{in_words(name)} ({distance:.1f})" for name, distance in signs)
        return f"Below the seed's own pairs, by so many times their spread: {listed}."
    if rating.scorer == "calibrated" and rating.state != "unparsed":
        return "No sign lies clearly below the seed's own pairs."
    if rating.scorer == "two-questions" and rating.state != "unparsed":
        ranks = {name: float(value) for name, value in _VALUE.findall(rating.reply)}
        asks, answers = ranks.pop("asks"), ranks.pop("answers")
        members = ", ".join(f"{name} {share:.0%}" for name, share in ranks.items())
        return (
            f"Its instruction asks for the response better than that of {asks:.0%} of all candidates; its response is "
            f"more of an answer than that of {answers:.0%} ({members})."
        )
    if rating.scorer in _LEADS and rating.state != "unparsed":
        shares = (f"{name} {float(value):.0%}".removeprefix("p ") for name, value in _VALUE.findall(rating.reply))
        return f"{_LEADS[rating.scorer]} {', '.join(shares)}."
    if rating.scorer in LIKELIHOODS and rating.score is not None:
        read = ", ".join(f"{name} {float(value):.2f}" for name, value in _VALUE.findall(rating.reply))
        return f"Log-probabilities in nats: {read}."
    return _SHARES.sub(_grades, rating.reply)


def _grades(match: re.Match[str]) -> str:
    shares = enumerate(map(float, match[1].split(",")), 1)
    return "probability of each grade: " + ", ".join(f"{grade} {share:.0%}" for grade, share in shares)
