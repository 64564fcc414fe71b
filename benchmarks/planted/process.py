"""What a process and all it starts cost: wall time, processor seconds, peak memory."""

from __future__ import annotations

import contextlib
import os
import resource
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

_EVERY = 0.1
_PROPORTIONAL_EVERY = 10
MEBI = 1 << 20


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one run."""

    wall_s: float
    cpu_s: float
    """User and system, of the whole tree."""
    peak_rss_mib: float
    """Resident memory, summed over the tree: pages that a fork shares count in each process."""
    peak_pss_mib: float
    """The same with shared pages counted once, looked at once a second."""
    code: int
    output: str


class Watch:
    """Samples the memory of a process and its descendants until it is stopped."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.rss = 0
        self.pss = 0
        self.cpu_seconds = 0.0

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        turn = 0
        while not self._stop.wait(_EVERY):
            with contextlib.suppress(psutil.Error):
                tree = [self._process, *self._process.children(recursive=True)]
                self.rss = max(self.rss, sum(_memory(process, "rss") for process in tree))
                if turn % _PROPORTIONAL_EVERY == 0:
                    self.pss = max(self.pss, sum(_memory(process, "pss") for process in tree))
                    self.cpu_seconds = max(self.cpu_seconds, sum(sum(process.cpu_times()[:4]) for process in tree))
            turn += 1


def run(command: Sequence[str], log: Path, environment: dict[str, str] | None = None, memory: int = 0) -> Cost:
    """Runs a command to its end; its standard error goes to the log. Each process may take so many bytes; 0: any."""

    def limit() -> None:
        if memory:
            resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))

    start = time.perf_counter()
    with log.open("wb") as errors:
        whole = {**os.environ, "OMP_NUM_THREADS": "1", **(environment or {})}
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, env=whole, preexec_fn=limit)
        assert process.stdout is not None
        with process.stdout, Watch(process.pid) as watch:
            output = process.stdout.read()
            _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - start
    # The former has the last second, the latter the workers that nobody waited for.
    cpu = max(usage.ru_utime + usage.ru_stime, watch.cpu_seconds)
    return Cost(
        round(wall, 2),
        round(cpu, 2),
        round(watch.rss / MEBI, 1),
        round(watch.pss / MEBI, 1),
        process.returncode,
        output.decode("utf-8", "replace"),
    )


def cpu_seconds() -> float:
    """User and system seconds of this process and the children it has waited for."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def _memory(process: psutil.Process, kind: str) -> int:
    with contextlib.suppress(psutil.Error):
        info = process.memory_info() if kind == "rss" else process.memory_full_info()
        return int(getattr(info, kind))
    return 0
