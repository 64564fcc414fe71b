"""One of several processes that train together: `python -m humpback.finetune.worker JOB LIFE [VOICE]`."""

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
from humpback.finetune.job import Job
from humpback.finetune.one import train_here

Say = Callable[[dict[str, Any]], None]
"""Where a process tells of steps, of the result or of what the user did wrong."""


def main(file: Path, life: int, voice: IO[str]) -> None:
    """Trains, and tells of it.

    Args:
        file: The job.
        life: Descriptor to read from until the process that started this one is gone.
        voice: Where to tell of it, a line of JSON each time.
    """
    threading.Thread(target=_end_with, args=(life,), daemon=True).start()
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))

    def say(words: dict[str, Any]) -> None:
        voice.write(json.dumps(words) + "\n")
        voice.flush()

    train_aloud(file.read_text(encoding="utf-8"), say)
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def train_aloud(job: str, say: Say) -> None:
    """Trains as one of several processes; says how it went once all of them are done."""
    try:
        result = train_here(Job.load(job), lambda *step: say({"step": step}))
    except HumpbackError as error:
        say({"error": type(error).__name__, "words": [error.what, error.hint]})
        raise
    if torch.distributed.is_initialized():
        torch.distributed.barrier()
    say({"result": asdict(result)})


def _end_with(life: int) -> None:
    os.read(life, 1)
    os._exit(1)


if __name__ == "__main__":
    ends = [int(argument) for argument in sys.argv[2:]]
    with os.fdopen(ends[1], "w") if len(ends) > 1 else Path(os.devnull).open("w") as speaking:
        main(Path(sys.argv[1]), ends[0], speaking)
