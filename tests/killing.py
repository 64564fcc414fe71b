"""Watches the files of a process at work and kills it at a moment of its work; a file may go while it is looked at."""

import os
import signal
import subprocess
import time
from pathlib import Path


def kill_when(process: subprocess.Popen[bytes], folder: Path, pattern: str) -> bool:
    """Kills the process as soon as a file that matches appears; False where it ended before."""
    while process.poll() is None:
        if appeared(folder, pattern):
            process.send_signal(signal.SIGKILL)
            process.communicate()
            return True
        time.sleep(0.002)
    process.communicate()
    return False


def appeared(folder: Path, pattern: str) -> bool:
    """Whether a file matches now; pathlib raises where a folder goes between two of its own looks."""
    try:
        return any(folder.glob(pattern))
    except FileNotFoundError:
        return False


def written_at(path: Path) -> int | None:
    """When a file was last written, in nanoseconds; None where it is gone."""
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return None


def take_ctrl_c() -> None:
    """Called in a new process: it heeds Ctrl-C, which the background job of a shell does not."""
    os.setsid()
    signal.signal(signal.SIGINT, signal.SIG_DFL)
