"""The protocol of workers, and the simplest one: this process."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from humpback.runs.tasks import Job

DEATHS = 3
"""Workers that may die in a row, with no task finished in between, before the stage fails."""


class Workers(Protocol):
    """Workers that share the tasks of a job."""

    def run(self, job: Job, tasks: Sequence[int], *, model: bool) -> Iterator[int]:
        """Runs every task, in any order, and yields the number of each when it is finished.

        A worker that dies costs what it was doing, which another one does again.

        Args:
            job: What is done; it travels to the workers.
            tasks: Numbers of the tasks.
            model: Whether a worker holds a model, so that there must not be more of them than devices.

        Raises:
            HumpbackError: What a task raised.
            StageError: Workers die again and again.
        """
        ...

    def release(self) -> None:
        """Frees devices and cores that workers still hold, so that a training can have them."""
        ...


class InProcess:
    """This process, one task after the other."""

    def run(self, job: Job, tasks: Sequence[int], *, model: bool) -> Iterator[int]:
        """Does every task."""
        with job.open() as do:
            for task in tasks:
                do(task)
                yield task

    def release(self) -> None:
        """Holds nothing between jobs."""
