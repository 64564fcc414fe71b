"""How many requests a server is sent at a time, tried on servers that are sums: no time passes."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass
from statistics import fmean

import pytest

from humpback.engines.limit import Limit


@dataclass
class Outcome:
    """Of the second half of the answers."""

    per_second: float
    size: int
    refused: int
    most: int


def asked(
    limit: Limit,
    answers: int,
    seconds: Callable[[int], float],
    *,
    takes: int = 10**9,
    spread: float = 0.0,
) -> Outcome:
    """What becomes of a limit at a server.

    Args:
        limit: The limit.
        answers: How many it gets.
        seconds: How long the server takes while so many are under way.
        takes: How many it takes at a time; one more is refused at once, and the next one sent a little later.
        spread: How differently long answers take.
    """
    chance = random.Random(0)
    under_way: list[tuple[float, int, float, int]] = []
    now, number, sizes, ends, refused = 0.0, 0, [], [], 0
    while len(ends) < answers:
        while len(under_way) < limit.size:
            number += 1
            if len(under_way) >= takes:
                limit.refused(limit.changes)
                refused += 1
                break
            took = seconds(len(under_way) + 1) * chance.uniform(1 - spread, 1 + spread)
            heapq.heappush(under_way, (now + took, number, now, limit.changes))
        now, _, sent, changes = heapq.heappop(under_way)
        limit.answered(now - sent, changes)
        ends.append(now)
        sizes.append(limit.size)
    half = answers // 2
    return Outcome(half / (ends[-1] - ends[-half - 1]), round(fmean(sizes[half:])), refused, max(sizes[half:]))


@pytest.mark.parametrize("takes", [3, 16, 50, 64, 200])
def test_a_server_that_refuses_what_is_too_much_is_kept_busy_and_seldom_refuses(takes):
    outcome = asked(Limit(), 12_000, lambda under_way: 0.2, takes=takes, spread=0.3)
    assert outcome.per_second >= 0.95 * takes / 0.2
    assert outcome.refused < 12_000 * max(0.01, 0.1 / takes)


@pytest.mark.parametrize("slots", [1, 4, 24, 100])
def test_a_server_that_lets_requests_wait_gets_little_more_than_it_works_on(slots):
    outcome = asked(Limit(), 20_000, lambda under_way: 0.2 * max(1, under_way / slots), spread=0.3)
    assert outcome.per_second >= 0.95 * slots / 0.2
    assert outcome.size <= max(4 * slots, 32)


def test_a_server_that_is_faster_the_more_it_has_to_do_gets_all_that_pays():
    best = 40 / 0.1
    outcome = asked(Limit(), 40_000, lambda under_way: 0.1 * (1 + under_way / 40), spread=0.5)
    assert outcome.per_second >= 0.85 * best


def test_a_server_without_limits_gets_what_a_process_can_hold_open():
    assert asked(Limit(), 20_000, lambda under_way: 1.0).size > 450


def test_a_server_that_becomes_slower_gets_less():
    limit = Limit()
    assert asked(limit, 10_000, lambda under_way: 0.2 * max(1, under_way / 100), spread=0.2).size > 90
    assert asked(limit, 20_000, lambda under_way: 0.2 * max(1, under_way / 10), spread=0.2).size < 60


def test_a_server_that_had_no_time_for_anything_is_back_where_it_was():
    limit = Limit()
    asked(limit, 5_000, lambda under_way: 0.2, takes=64)
    for _ in range(20):
        limit.refused(limit.changes)
    assert limit.size == 1
    assert asked(limit, 1_000, lambda under_way: 0.2, takes=64).size > 50


def test_what_was_sent_before_a_change_says_nothing_more():
    limit = Limit()
    sent = limit.changes
    limit.refused(sent)
    size = limit.size
    for _ in range(30):
        limit.refused(sent)
    assert limit.size == size


def test_a_number_that_is_given_is_kept_but_while_the_server_refuses():
    limit = Limit(40)
    assert asked(limit, 500, lambda under_way: 0.2 * under_way).size == 40
    outcome = asked(limit, 5_000, lambda under_way: 0.2, takes=20)
    assert 17 <= outcome.size <= 20
    assert asked(limit, 5_000, lambda under_way: 0.2).size == 40
    assert asked(limit, 5_000, lambda under_way: 0.2).most == 40
