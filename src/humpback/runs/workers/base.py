"""The protocol of workers, and the simplest one: this process."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from itertools import islice
from typing import Protocol

from humpback.runs.tasks import Job

DEATHS = 3
"""Workers that may die in a row, with no task finished in between, before the stage fails."""


class Workers(Protocol):
    """Workers that share the tasks of a job."""

    def run(self, job: Job, tasks: Sequence[int], *, model: bool, waits: int = 0) -> Generator[int]:
        """Runs every task, in any order, and yields the number of each when it is finished.

        A worker that dies costs what it was doing, which another one does again.

        Args:
            job: What is done; it travels to the workers.
            tasks: Numbers of the tasks.
            model: Whether a worker holds a model, so that there must not be more of them than devices.
            waits: Tasks that do little but wait for a server: how many may do so at a time; 0 for others.

        Raises:
            HumpbackError: What a task raised.
            StageError: Workers die again and again.
        """
        ...

    def release(self) -> None:
        """Frees devices and cores that workers still hold, so that a training can have them."""
        ...


class InProcess:
    """This process: one task after the other, or several that wait for a server at a time."""

    def run(self, job: Job, tasks: Sequence[int], *, model: bool, waits: int = 0) -> Generator[int]:
        """Does every task. Where one fails, those under way are brought to their end."""
        if not waits:
            with job.open() as do:
                for task in tasks:
                    do(task)
                    yield task
            return
        # The job closes first, which ends what waits for a server; then the pool waits for its threads.
        with ThreadPoolExecutor(waits) as pool, job.open() as do:
            queue, failures = iter(tasks), list[BaseException]()
            running = {pool.submit(do, task): task for task in islice(queue, waits)}
            while running:
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    task = running.pop(future)
                    if error := future.exception():
                        failures.append(error)
                        continue
                    for following in islice(queue, 0 if failures else 1):
                        running[pool.submit(do, following)] = following
                    yield task
            if failures:
                raise failures[0]

    def release(self) -> None:
        """Holds nothing between jobs."""
