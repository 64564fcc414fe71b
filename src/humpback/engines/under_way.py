"""A bounded number of requests under way at a time, and their answers as they come."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError, Future
from itertools import islice
from queue import SimpleQueue
from typing import TypeVar

from humpback.errors import EngineError

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")


def as_answered(
    requests: Iterable[Asked], begin: Callable[[Asked], Future[Answer]], most: Callable[[], int]
) -> Iterator[Answer]:
    """Yields each answer as it comes. A caller that stops early cancels what is under way.

    Args:
        requests: Read no further than is needed to keep `most` under way.
        begin: Begins the work on one.
        most: How many may be under way; asked anew each time, for a server may bear more or fewer meanwhile.

    Raises:
        EngineError: The engine was closed.
    """
    waiting = iter(requests)
    running: set[Future[Answer]] = set()
    finished: SimpleQueue[Future[Answer]] = SimpleQueue()

    def fill() -> None:
        for request in islice(waiting, max(0, most() - len(running))):
            running.add(future := begin(request))
            future.add_done_callback(finished.put)

    try:
        fill()
        while running:
            running.discard(future := finished.get())
            fill()  # before the caller has the answer, so that nobody waits for what it does with it
            try:
                answer = future.result()
            except CancelledError:
                raise EngineError("the engine is closed", "open a new one") from None
            yield answer
    finally:
        for future in running:
            future.cancel()
