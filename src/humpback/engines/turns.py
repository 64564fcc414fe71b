"""Which request goes next, and to which server, where many wait for one or several."""

from __future__ import annotations

import asyncio
import random
import time
from bisect import insort
from collections.abc import Iterable
from contextvars import ContextVar
from dataclasses import dataclass, field

from humpback.engines.limit import Limit

_LONGEST_PAUSE = 60.0
"""Seconds between two tries, at most, where the server names none."""

_MAX_LOST = 3
"""Tries in a row that end without any answer: then one of several servers is taken to be down."""

request_order: ContextVar[tuple[int, int]] = ContextVar("request_order", default=(-1, 0))
"""Of the request at work: the number of its call, and its own in it. The oldest goes first, also at a further try."""


@dataclass(slots=True, eq=False)
class Address:
    """One of the servers.

    Attributes:
        url: Where it is.
        limit: How many requests may be under way there.
        under_way: How many are.
        free_at: When the next one may be sent: it keeps to a rate, or the server asked for quiet, or is down.
        lost: Tries in a row that ended without any answer.
        down: Whether it is tried with one request at a time until it answers.
    """

    url: str
    limit: Limit
    under_way: int = 0
    free_at: float = 0.0
    lost: int = 0
    down: bool = False

    @property
    def slots(self) -> int:
        """How many more requests may be under way there."""
        return (1 if self.down else self.limit.size) - self.under_way

    def hold(self, seconds: float) -> None:
        """Sends nothing for so long."""
        self.free_at = max(self.free_at, time.monotonic() + seconds)


@dataclass(order=True, slots=True)
class _Waiting:
    order: tuple[int, int]
    beginning: int = field(compare=False)
    turn: asyncio.Future[Address] = field(compare=False)


class Turns:
    """Gives each request its turn. Made and used in one event loop.

    Requests go out in the order in which they were given: of several servers to the one where those that begin alike
    go, if it has time.

    Args:
        urls: The servers.
        fixed: How many requests may be under way at each; None finds it out.
        spacing: Seconds between two requests to the same server.
        first_pause: Seconds before the second try; doubled from try to try.
    """

    def __init__(self, urls: Iterable[str], fixed: int | None, spacing: float, first_pause: float) -> None:
        self.addresses = [Address(url, Limit(fixed)) for url in urls]
        self._spacing, self._first_pause = spacing, first_pause
        self.waiting: list[_Waiting] = []
        self._wakes_at = 0.0

    @property
    def size(self) -> int:
        """How many requests may be under way in all."""
        return sum(address.limit.size for address in self.addresses)

    def pause(self, tries: int) -> float:
        """Exponential, and by chance up to half shorter, so that many requests do not come back at once."""
        longest = min(self._first_pause * 2.0 ** min(tries - 1, 30), _LONGEST_PAUSE)
        return longest * random.uniform(0.5, 1.0)  # noqa: S311 - decides no result

    async def take(self, beginning: int) -> Address:
        """Waits until a request may be sent, and says where to; it is under way then.

        Args:
            beginning: The same number for requests that begin alike; 0 for one that begins like no other.
        """
        waiting = _Waiting(request_order.get(), beginning, asyncio.get_running_loop().create_future())
        insort(self.waiting, waiting)
        self._give()
        try:
            return await waiting.turn
        except asyncio.CancelledError:
            if waiting.turn.done() and not waiting.turn.cancelled():
                self.end(waiting.turn.result())
            raise

    def end(self, address: Address) -> None:
        """A request is not under way any more."""
        address.under_way -= 1
        self._give()

    def lose(self, address: Address, *, unreachable: bool) -> None:
        """Notes that a server gave no answer at all. The only one is never down: each request has its own tries."""
        address.lost += 1
        if len(self.addresses) > 1 and (unreachable or address.lost >= _MAX_LOST):
            address.down = True
            address.hold(self.pause(address.lost))

    def _give(self) -> None:
        while self.waiting:
            now = time.monotonic()
            free = [address for address in self.addresses if address.slots > 0 and address.free_at <= now]
            if not free:
                later = min((a.free_at for a in self.addresses if a.slots > 0), default=self._wakes_at)
                if later != self._wakes_at:  # else it is to be woken then already
                    self._wakes_at = later
                    asyncio.get_running_loop().call_later(later - now, self._wake)
                return
            index, address = self._next(free)
            waiting = self.waiting.pop(index)
            if not waiting.turn.done():
                address.under_way += 1
                address.hold(self._spacing)
                waiting.turn.set_result(address)

    def _next(self, free: list[Address]) -> tuple[int, Address]:
        """The first request that may go where those that begin alike go; else the first, where most slots are free."""
        up = [address for address in self.addresses if not address.down]
        if len(up) > 1:
            for index, waiting in enumerate(self.waiting):
                if waiting.beginning and (address := up[waiting.beginning % len(up)]) in free:
                    return index, address
        return 0, max(free, key=lambda address: address.slots)

    def _wake(self) -> None:
        self._wakes_at = 0.0
        self._give()
