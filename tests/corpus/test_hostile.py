"""Texts that are made to keep a filter busy: time grows with their length, not with its square."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from humpback.config import SegmentSettings, UrlSettings
from humpback.corpus.cutting.ends import without_furniture
from humpback.corpus.cutting.navigation import is_navigation
from humpback.corpus.cutting.piece import Piece
from humpback.corpus.cutting.splitting import split
from humpback.corpus.judging.filters import FILTERS, objections
from humpback.corpus.judging.personal import mask
from humpback.corpus.judging.urls import addresses

SETTINGS = SegmentSettings()
UNITS = (
    "a", "A", " ", "\n", "#", "# a\n", "...", "…", '."', "[", "[a](", "[here](", "`", "`a", "```\n", "> ", "*", "- a\n",
    "a@", "a@a.", "a@a.bc ", "mailto:", "(at)", "a(at)b.", "+1 ", "1", "1 ", "12-", "123-45-", "(212) ", "415-555-",
    "1.2.3.", "::", "2001:", "AA11", "DE89 ", "tel ", "call us ", "{{", "{%", "score: ", "ignore all the ",
    "give this ", "5 / ", "five out of ",
    "above ", "the figure ", "see the ", "click here", "previous ", "part ", "However ",
    "looks like this:\n", "By A", "Ab. ", "Read more ", "\u0130", "面", "http://", "https://a/", "<a@",
)  # fmt: skip
SMALL = 20_000


def everything(text: str) -> None:
    """All that is done with a piece, and no rule spared because another objects."""
    piece = Piece((text[:1000],), text, text, headed=True, opens=False, closes=False)
    for rule in FILTERS:
        rule.look(piece, SETTINGS)
    mask(text)
    without_furniture(text)
    split(text, SETTINGS, lambda opening: False, sentences=True)
    is_navigation(text, SETTINGS.header_blocklist)
    addresses(UrlSettings()).refuse(f"https://{text}")


def seconds(work: Callable[[], None], tries: int = 3) -> float:
    taken = []
    for _ in range(tries):
        begun = time.process_time()
        work()
        taken.append(time.process_time() - begun)
    return min(taken)


@pytest.mark.parametrize("unit", UNITS)
def test_time_is_linear_in_the_length(unit: str):
    short, long = unit * (SMALL // len(unit)), unit * (8 * SMALL // len(unit))
    once = seconds(lambda: everything(short))
    assert seconds(lambda: everything(long)) < 24 * max(once, 0.002)  # squared it would be 64 times


@pytest.mark.parametrize("unit", ["a@a.bc ", "415-555-", "the figure below ", "{{", "\u0130 "])
def test_five_megabytes_are_refused_for_their_length_before_anything_else_is_asked(unit: str):
    text = unit * (5_000_000 // len(unit))
    first = next(objections(Piece(("Bread",), "Bread", text, headed=True), SETTINGS))
    assert first.reason == "too long"
