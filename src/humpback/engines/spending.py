"""What the answers of servers cost a run, kept as it grows, and what they may cost at most."""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from humpback.errors import ConfigError, EngineError


class Spending:
    """What a run has spent on servers since it began. Several threads may use it.

    Args:
        folder: Where it is kept, a small file for each process that asked.
        money: What all answers may cost, in the currency of the prices; None sets no limit.
        tokens: What all answers may take, read and written; None sets no limit.
    """

    def __init__(self, folder: Path, money: float | None = None, tokens: int | None = None) -> None:
        self._folder, self._money, self._tokens = folder, money, tokens
        before = [_read(path) for path in folder.glob("*.txt")] if folder.is_dir() else []
        self._before = sum(tokens for tokens, _, _ in before), sum(cost for _, cost, _ in before)
        self._answers = self._answers_before = sum(answers for _, _, answers in before)
        self._by_engine: dict[str, tuple[int, float]] = {}
        self._reserved = 0
        self._changed = threading.Condition()
        self._path = folder / f"{uuid4().hex}.txt"

    @property
    def total(self) -> tuple[int, float]:
        """Tokens read and written so far by the servers' count, and what they cost."""
        tokens, costs = zip(self._before, *self._by_engine.values(), strict=True)
        return sum(tokens), sum(costs)

    def check_prices(self, model: str, *, priced: bool) -> None:
        """Raises ConfigError where there is a budget in money and the answers of a model would seem to cost nothing."""
        if self._money is not None and not priced:
            raise ConfigError(
                f"run.budget is in money, and what {model} costs is not given",
                "set price_read and price_written of its server, to 0 if it is free, or set run.budget_tokens",
            )

    def reserve(self) -> bool:
        """Sets aside what one more answer is likely to take; False where the budget does not cover it.

        What answers take is known from those before: until there is one, one is asked for at a time.
        """
        with self._changed:
            covered = self._covers(self._reserved + 1)
            self._reserved += covered
            return covered

    def release(self, count: int = 1) -> None:
        """Takes back what was set aside for so many answers: they are there, or will not be asked for."""
        with self._changed:
            self._reserved -= count
            self._changed.notify_all()

    def wait(self) -> None:
        """Waits until an answer that is under way says more; raises EngineError where the budget covers no other."""
        with self._changed:
            if self._reserved:
                self._changed.wait()
                return
            if self._covers(1):  # what was under way has ended since it was asked
                return
        tokens, cost = self.total
        name, spent = "budget", f"{cost:.4f} of {self._money:g} spent" if self._money is not None else ""
        if self._tokens is not None and not (self._money is not None and cost >= self._money):
            name, spent = "budget_tokens", f"{tokens:,} of {self._tokens:,} tokens read and written"
        hint = f"raise run.{name} and run the command again to continue"
        raise EngineError(f"the budget is used up: {spent}", hint, retryable=True)

    def note(self, engine: str, tokens: int, cost: float) -> None:
        """Writes down what one engine of this process has taken so far: one answer more than before."""
        with self._changed:
            if not self._by_engine:
                self._folder.mkdir(parents=True, exist_ok=True)
            self._answers += 1
            before = self._by_engine.get(engine, (0, 0.0))
            self._by_engine[engine] = max(tokens, before[0]), max(cost, before[1])  # another thread may know of more
            tokens, cost = self.total[0] - self._before[0], self.total[1] - self._before[1]
            answers = self._answers - self._answers_before
            file = os.open(self._path, os.O_CREAT | os.O_WRONLY)
            try:  # as many bytes each time, over those before: a kill cannot cut them short
                os.pwrite(file, f"{tokens:20d} {cost:20.8f} {answers:20d}\n".encode(), 0)
            finally:
                os.close(file)

    def _covers(self, answers: int) -> bool:
        for limit, spent in zip((self._tokens, self._money), self.total, strict=True):
            if limit is None:
                continue
            likely = answers * spent / max(1, self._answers)
            if spent >= limit or spent + likely > limit or (answers > 1 and not self._answers):
                return False
        return True


def _read(path: Path) -> tuple[int, float, int]:
    with suppress(OSError, ValueError):
        tokens, cost, answers = path.read_text().split()
        return int(tokens), float(cost), int(answers)
    return 0, 0.0, 0
