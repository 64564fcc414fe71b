"""One training in several processes, one on each device, started and watched from here.

The processes find one another over the loopback address and share gradients (or split the model) by accelerate. The
first one tells of its steps and of how it ended; when one of them fails, or this process dies, all of them end.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import torch

from humpback import errors
from humpback.config import ModelSettings, TrainSettings
from humpback.engines.transformers import pick_device
from humpback.errors import ConfigError, StageError
from humpback.finetune.job import Job
from humpback.finetune.one import Result
from humpback.finetune.summary import CurvePoint
from humpback.finetune.trainer import Progress

_TAIL = 2000
"""Characters of a failed process's output that are shown."""

_PATIENCE = 60
"""Seconds that the first process may take to end once it has said its last word."""


def how_many(settings: TrainSettings, model: ModelSettings, *, here: bool = True) -> int:
    """The devices that a training is to use.

    Args:
        settings: How many are asked for.
        model: Of what kind.
        here: Whether they are this machine's; elsewhere nobody can be asked for how many there are.

    Raises:
        ConfigError: There are fewer, or the settings contradict one another.
    """
    if settings.shard and settings.early_stop_checks:
        raise ConfigError("shard and early_stop_checks are both set", "a model that is split cannot go back: unset one")
    if not here:
        return max(1, settings.devices)
    if pick_device(model.device).type != "cuda":
        if settings.shard:
            raise ConfigError("shard is set and there is no GPU", "accelerate splits a model over GPUs alone: unset it")
        return max(1, settings.devices)
    there = torch.cuda.device_count()
    if settings.devices > there:
        raise ConfigError(f"devices is {settings.devices} and there are {there} GPUs", "lower it, or 0 for all")
    return settings.devices or there


def train_together(job: Job, devices: int, progress: Progress | None) -> Result:
    """Trains in as many processes as there are devices; see `one.train_here`.

    Raises:
        HumpbackError: As `train_here`; a process that fails otherwise is a StageError with the end of its output.
    """
    port = _free_port()
    with tempfile.TemporaryDirectory(prefix="humpback-") as name:
        folder = Path(name)
        (folder / "job.json").write_text(job.dump(), encoding="utf-8")
        said_read, said_write = os.pipe()
        life_read, life_write = os.pipe()  # closed when this process ends, however it ends: then the others do too
        processes = []
        try:
            for rank in range(devices):
                place = _Place(rank, devices, port, life_read, said_write if rank == 0 else None)
                processes.append(_start(folder, place))
            os.close(said_write)
            with os.fdopen(said_read, encoding="utf-8") as lines:
                result = _listen(lines, progress)
            if result is None:
                raise _failure(processes, folder)
        finally:
            if processes and processes[0].poll() not in (None, 0):
                os.close(life_write)
                life_write = -1
            for process in processes:
                process.wait()
            for end in (life_read, life_write):
                if end >= 0:
                    os.close(end)
    return result


@dataclass(frozen=True, slots=True)
class _Place:
    """One process among those that train together.

    Attributes:
        rank: Its number.
        devices: How many there are.
        port: Where the first one listens.
        life: Descriptor that ends when the process that started them does.
        voice: Descriptor to tell of steps and the end; the first one has it.
    """

    rank: int
    devices: int
    port: int
    life: int
    voice: int | None


def _start(folder: Path, place: _Place) -> subprocess.Popen[bytes]:
    environment = os.environ | {
        "RANK": str(place.rank),
        "LOCAL_RANK": str(place.rank),
        "WORLD_SIZE": str(place.devices),
        "LOCAL_WORLD_SIZE": str(place.devices),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(place.port),
        "OMP_NUM_THREADS": str(max(1, torch.get_num_threads() // place.devices)),
        "TOKENIZERS_PARALLELISM": "false",
    }
    fds = tuple(end for end in (place.life, place.voice) if end is not None)
    command = [sys.executable, "-m", "humpback.finetune.worker", str(folder / "job.json"), *map(str, fds)]
    with (folder / f"output-{place.rank}").open("wb") as output:
        return subprocess.Popen(command, env=environment, pass_fds=fds, stdout=output, stderr=output)  # noqa: S603


def _listen(lines: IO[str], progress: Progress | None) -> Result | None:
    """What the first process says, until it says no more."""
    result = None
    for line in lines:
        result = hear(json.loads(line), progress) or result
    return result


def hear(said: dict[str, Any], progress: Progress | None) -> Result | None:
    """One thing that the first process says: a step, the result, or what the user did wrong.

    Raises:
        HumpbackError: That.
    """
    if "step" in said and progress is not None:
        progress(*said["step"])
    if "error" in said:
        raise getattr(errors, said["error"])(*said["words"])
    if "result" not in said:
        return None
    values = dict(said["result"])
    curve = tuple(CurvePoint(**point) for point in values.pop("curve"))
    checks = tuple((step, loss) for step, loss in values.pop("checks"))
    return Result(curve=curve, checks=checks, **values)


def _failure(processes: list[subprocess.Popen[bytes]], folder: Path) -> StageError:
    """Of the process that failed first, as far as can be told."""
    for rank, process in enumerate(processes):
        code = process.wait(_PATIENCE) if rank == 0 else process.poll()
        if code:
            text = (folder / f"output-{rank}").read_text(encoding="utf-8", errors="replace").strip()
            return StageError(f"a process that trains ended with {code}: {text[-_TAIL:]}", "see its output")
    return StageError("the processes that train ended without a result", "run again: the training goes on")


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
