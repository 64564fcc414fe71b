"""One of several processes that train together: `python -m humpback.training.process_main JOB ALIVE REPORT`."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

import torch

from humpback.errors import HumpbackError
from humpback.training.run_training import run_training
from humpback.training.training_job import TrainingJob

Report = Callable[[dict[str, Any]], None]
"""Takes the messages of a process: see `processes.read_message`."""


def main(file: Path, alive_fd: int, pipe: IO[str]) -> None:
    """Trains and reports.

    Args:
        file: The job.
        alive_fd: Descriptor to read from; it ends when this process has to end too.
        pipe: Takes a line of JSON for each message. All processes share it: a line of up to 4096 bytes is never torn.
    """
    threading.Thread(target=_exit_with, args=(alive_fd,), daemon=True).start()
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))

    def report(message: dict[str, Any]) -> None:
        pipe.write(json.dumps(message) + "\n")
        pipe.flush()

    train_and_report(file.read_text(encoding="utf-8"), report, first=os.environ["RANK"] == "0")
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def train_and_report(job: str, report: Report, *, first: bool) -> None:
    """Trains as one of several processes.

    Args:
        job: As JSON.
        report: Takes messages. Steps and result are the same everywhere, so only the first process reports them.
        first: Whether this is the first process.
    """
    try:
        result = run_training(TrainingJob.load(job), (lambda *step: report({"step": step})) if first else None)
    except HumpbackError as error:
        report({"error": type(error).__name__, "arguments": [error.what, error.hint]})
        raise
    if torch.distributed.is_initialized():
        torch.distributed.barrier()  # the result counts only once no process can fail any more
    if first:
        report({"result": asdict(result)})


def _exit_with(alive_fd: int) -> None:
    os.read(alive_fd, 1)
    os._exit(1)  # not sys.exit: the main thread may be inside a collective that never returns


if __name__ == "__main__":
    with os.fdopen(int(sys.argv[3]), "w") as shared_pipe:
        main(Path(sys.argv[1]), int(sys.argv[2]), shared_pipe)
