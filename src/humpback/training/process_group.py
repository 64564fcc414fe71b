"""Several processes that work together, of which none outlives the others."""

from __future__ import annotations

import os
import subprocess
import threading


class ProcessGroup:
    """The processes of one training. The first one that fails ends all others.

    Each process watches a pipe that only this process can close: whoever kills this one ends them too. A process that
    fails must end the others, because they wait for it inside a collective, which NCCL gives up after ten minutes.
    """

    def __init__(self) -> None:
        self.alive_fd, self._alive_write = os.pipe()
        self.failed: list[tuple[int, int]] = []
        """Rank and exit code of those that failed, in the order in which they did."""
        self._watchers: list[threading.Thread] = []
        self._lock = threading.Lock()

    def add(self, process: subprocess.Popen[bytes]) -> None:
        """Watches one more process; the first to be added has rank 0."""
        watcher = threading.Thread(target=self._watch, args=(len(self._watchers), process), daemon=True)
        self._watchers.append(watcher)
        watcher.start()

    def end(self) -> None:
        """Ends the processes that still run."""
        with self._lock:
            if self._alive_write >= 0:
                os.close(self._alive_write)
                self._alive_write = -1

    def wait(self) -> None:
        """Waits until all processes have ended."""
        for watcher in self._watchers:
            watcher.join()

    def close(self) -> None:
        """Frees the pipe."""
        self.end()
        os.close(self.alive_fd)

    def _watch(self, rank: int, process: subprocess.Popen[bytes]) -> None:
        code = process.wait()
        if code:
            self.failed.append((rank, code))
            self.end()
