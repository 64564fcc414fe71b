"""Tasks in processes of this machine, one for each core. What holds a model stays in this process."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager
from multiprocessing.connection import wait as wait_for
from types import ModuleType

import cloudpickle

from humpback.errors import StageError
from humpback.runs.tasks import Do, Job
from humpback.runs.workers.base import DEATHS, InProcess

_PRELOAD = [
    *("humpback.runs.workers.processes", "humpback.runs.shuffle"),
    *("pyarrow.parquet", "humpback.corpus.cut"),
]
_QUEUED = 2
"""Tasks that are queued for each worker: enough to keep it busy, few enough to lose when it dies."""
_run_task: Do


class ProcessWorkers:
    """Processes of this machine.

    Args:
        workers: How many; 0 takes one for each core.
    """

    def __init__(self, workers: int = 0) -> None:
        # macOS and Windows do not tell which cores a process may use.
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        self._workers = workers or cores

    def run(self, job: Job, tasks: Sequence[int], *, model: bool, waits: int = 0) -> Generator[int]:
        """Runs every task; starts no process where one worker is enough."""
        workers = min(self._workers or 1, len(tasks))
        if model or workers <= 1 or len(tasks) < job.min_parallel_tasks:
            yield from InProcess().run(job, tasks, model=model, waits=waits)
            return
        pending = list(tasks)
        deaths = 0
        while pending:
            try:
                for task in _run_in_pool(cloudpickle.dumps(job), tuple(pending), workers):
                    pending.remove(task)
                    deaths = 0
                    yield task
            except BrokenProcessPool:
                deaths += 1
                if deaths == DEATHS:
                    raise StageError(
                        f"worker processes die again and again, at one of the tasks {', '.join(map(str, pending[:5]))}",
                        "see whether the machine is out of memory; take fewer with run.workers",
                    ) from None

    def release(self) -> None:
        """Holds nothing between jobs."""


def _run_in_pool(job: bytes, tasks: Sequence[int], workers: int) -> Iterator[int]:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOAD)
    with ProcessPoolExecutor(workers, context, initializer=_open_job, initargs=(job,)) as pool:
        try:
            queue = iter(tasks)
            running: set[Future[int]] = set()
            while True:
                for task in queue:
                    with _without_main():
                        running.add(pool.submit(_run, task))
                    if len(running) >= _QUEUED * workers:
                        break
                if not running:
                    return
                finished, running = wait(running, return_when=FIRST_COMPLETED)
                for future in finished:
                    yield future.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _without_main() -> Iterator[None]:
    """Hides the script that runs, for a new process would run it again; a job brings along what it needs of it."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def _open_job(job: bytes) -> None:
    """Opens the job in a worker. The parent handles Ctrl-C, and a worker without a parent exits."""
    global _run_task
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_exit_with_parent, daemon=True).start()
    _run_task = ExitStack().enter_context(cloudpickle.loads(job).open())


def _exit_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait_for([parent.sentinel])
        os._exit(1)


def _run(task: int) -> int:
    _run_task(task)
    return task
