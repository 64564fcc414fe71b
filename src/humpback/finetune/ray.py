"""One training on several devices of a Ray cluster, by Ray Train, which starts the processes and joins them.

Every process reads the tokens and writes the checkpoints and the model under the job's own paths: on several machines
these have to lie where all of them see them.
"""

from __future__ import annotations

import tempfile
import threading
from typing import Any

from humpback.errors import StageError
from humpback.finetune.job import Job
from humpback.finetune.launch import hear
from humpback.finetune.one import Result
from humpback.finetune.trainer import Progress

_PATIENCE = 0.5
"""Seconds between two looks at whether the cluster has given up."""


def train_on_ray(job: Job, devices: int, progress: Progress | None) -> Result:
    """Trains in as many workers as there are devices; to be given to `train.finetune` as `together`.

    Ray has to be running or is started here; a worker takes a GPU where the cluster has any, else one CPU.

    Raises:
        HumpbackError: As `one.train_here`; a worker that fails otherwise is a StageError with what Ray says of it.
    """
    import ray
    from ray.train import RunConfig, ScalingConfig
    from ray.train.torch import TorchConfig, TorchTrainer
    from ray.util.queue import Queue

    voice = Queue()
    on_gpu = job.model.device in ("auto", "cuda") and ray.cluster_resources().get("GPU", 0) > 0
    with tempfile.TemporaryDirectory(prefix="humpback-ray-") as folder:
        trainer = TorchTrainer(
            _work,
            train_loop_config={"job": job.dump(), "voice": voice},
            scaling_config=ScalingConfig(num_workers=devices, use_gpu=on_gpu),
            run_config=RunConfig(storage_path=folder, name="training"),
            torch_config=TorchConfig(backend="nccl" if on_gpu else "gloo"),
        )
        try:
            return _hear_out(_InThread(trainer.fit), voice, progress)
        finally:
            voice.shutdown(force=True)


class _InThread(threading.Thread):
    """Something that blocks, beside us; what it raises is kept."""

    def __init__(self, run: Any) -> None:
        super().__init__(daemon=True)
        self._run_it = run
        self.error: Exception | None = None
        self.start()

    def run(self) -> None:
        """Called by the thread."""
        try:
            self._run_it()
        except Exception as error:
            self.error = error


def _hear_out(fit: _InThread, voice: Any, progress: Progress | None) -> Result:
    from ray.util.queue import Empty

    result = None
    while True:
        running = fit.is_alive()
        try:
            result = hear(voice.get(timeout=_PATIENCE), progress) or result
        except Empty:
            if not running:
                break
    if result is None:
        raise StageError(f"the workers of Ray ended without a result ({fit.error})", "see Ray's logs") from fit.error
    return result


def _work(config: dict[str, Any]) -> None:
    """Runs in each worker."""
    from ray.train import get_context

    from humpback.finetune.worker import train_aloud

    first = get_context().get_world_rank() == 0
    train_aloud(config["job"], config["voice"].put if first else lambda words: None)
