"""Trains in several processes, one for each device, which this module starts and watches.

The processes connect over the loopback address; accelerate shares their gradients, or splits the model. The first one
reports its steps and the result, and each reports its error. Where one of them fails, or this process dies, all of them
end.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO, Any

import torch

from humpback import errors
from humpback.errors import StageError
from humpback.training.process_group import ProcessGroup
from humpback.training.run_training import TrainingResult
from humpback.training.summary import CurvePoint
from humpback.training.trainer import Progress
from humpback.training.training_job import TrainingJob

_TAIL = 2000
"""Characters of a failed process's output that are shown."""


def train_in_processes(job: TrainingJob, devices: int, progress: Progress | None) -> TrainingResult:
    """Trains in as many processes as there are devices; see `run_training.run_training`.

    Raises:
        HumpbackError: As `run_training`; a process that fails otherwise is a StageError with the end of its output.
    """
    group = ProcessGroup()
    with tempfile.TemporaryDirectory(prefix="humpback-") as name:
        folder = Path(name)
        (folder / "job.json").write_text(job.dump(), encoding="utf-8")
        report_read, report_write = os.pipe()
        try:
            port = _free_port()
            for rank in range(devices):
                group.add(_start(folder, rank, devices, port, (group.alive_fd, report_write)))
            os.close(report_write)
            with os.fdopen(report_read, encoding="utf-8") as lines:
                result = _read_messages(lines, progress)
            if result is None:
                raise _failure(group, folder)
        except BaseException:  # Ctrl-C too: what still trains must not be waited for
            group.end()
            raise
        finally:
            group.wait()
            group.close()
    return result


def _start(folder: Path, rank: int, devices: int, port: int, fds: tuple[int, ...]) -> subprocess.Popen[bytes]:
    environment = os.environ | {
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(devices),
        "LOCAL_WORLD_SIZE": str(devices),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "OMP_NUM_THREADS": str(max(1, torch.get_num_threads() // devices)),
        "TOKENIZERS_PARALLELISM": "false",
    }
    command = [sys.executable, "-m", "humpback.training.process_main", str(folder / "job.json"), *map(str, fds)]
    with (folder / f"output-{rank}").open("wb") as output:
        return subprocess.Popen(command, env=environment, pass_fds=fds, stdout=output, stderr=output)  # noqa: S603


def _read_messages(lines: IO[str], progress: Progress | None) -> TrainingResult | None:
    """Reads the messages of the processes until all have closed the pipe."""
    result = None
    for line in lines:
        result = read_message(json.loads(line), progress) or result
    return result


def read_message(message: dict[str, Any], progress: Progress | None) -> TrainingResult | None:
    """Takes one message: a step, the result, or an error.

    Raises:
        HumpbackError: The error that the process reports.
    """
    if "step" in message and progress is not None:
        progress(*message["step"])
    if "error" in message:
        raise getattr(errors, message["error"])(*message["arguments"])
    if "result" not in message:
        return None
    values = dict(message["result"])
    curve = tuple(CurvePoint(**point) for point in values.pop("curve"))
    checks = tuple((step, loss) for step, loss in values.pop("checks"))
    return TrainingResult(curve=curve, checks=checks, **values)


def _failure(group: ProcessGroup, folder: Path) -> StageError:
    """The error of the process that failed first: those that end because of it are no news."""
    group.wait()
    if not group.failed:
        return StageError("the processes that train ended without a result", "run again to continue the training")
    rank, code = group.failed[0]
    text = (folder / f"output-{rank}").read_text(encoding="utf-8", errors="replace").strip()
    return StageError(f"a process that trains ended with {code}: {text[-_TAIL:]}", "see its output")


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
