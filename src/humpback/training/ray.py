"""One training on several devices of a Ray cluster, by Ray Train, which starts the processes and joins them.

Every process reads the tokens and writes the checkpoints and the model under the job's own paths: on several machines
these have to lie where all of them see them.
"""

from __future__ import annotations

import tempfile
import threading
from typing import Any

from humpback.errors import StageError
from humpback.training.processes import read_message
from humpback.training.run_training import TrainingResult
from humpback.training.trainer import Progress
from humpback.training.training_job import TrainingJob

_POLL_SECONDS = 0.5
"""Seconds between two looks at whether the cluster has given up."""


def train_on_ray(job: TrainingJob, devices: int, progress: Progress | None) -> TrainingResult:
    """Trains in as many workers as there are devices; to be given to `train.finetune` as `together`.

    Ray has to be running or is started here; a worker takes a GPU where the cluster has any, else one CPU.

    Raises:
        HumpbackError: As `run_training`; a worker that fails otherwise is a StageError with what Ray says of it.
    """
    import ray
    from ray.train import RunConfig, ScalingConfig
    from ray.train.torch import TorchConfig, TorchTrainer
    from ray.util.queue import Queue

    reports = Queue()
    on_gpu = job.model.device in ("auto", "cuda") and ray.cluster_resources().get("GPU", 0) > 0
    with tempfile.TemporaryDirectory(prefix="humpback-ray-") as folder:
        trainer = TorchTrainer(
            _train_worker,
            train_loop_config={"job": job.dump(), "reports": reports},
            scaling_config=ScalingConfig(num_workers=devices, use_gpu=on_gpu),
            run_config=RunConfig(storage_path=folder, name="training"),
            torch_config=TorchConfig(backend="nccl" if on_gpu else "gloo"),
        )
        try:
            return _read_reports(_Background(trainer.fit), reports, progress)
        finally:
            reports.shutdown(force=True)


class _Background(threading.Thread):
    """Runs a blocking call in a thread, and keeps the error that it raises."""

    def __init__(self, run: Any) -> None:
        super().__init__(daemon=True)
        self._target_call = run
        self.error: Exception | None = None
        self.start()

    def run(self) -> None:
        """Called by the thread."""
        try:
            self._target_call()
        except Exception as error:
            self.error = error


def _read_reports(fit: _Background, reports: Any, progress: Progress | None) -> TrainingResult:
    from ray.util.queue import Empty

    result = None
    while True:
        running = fit.is_alive()
        try:
            result = read_message(reports.get(timeout=_POLL_SECONDS), progress) or result
        except Empty:
            if not running:
                break
    if result is None:
        raise StageError(f"the workers of Ray ended without a result ({fit.error})", "see Ray's logs") from fit.error
    return result


def _train_worker(config: dict[str, Any]) -> None:
    """Runs in each worker."""
    from ray.train import get_context

    from humpback.training.process_main import train_and_report

    first = get_context().get_world_rank() == 0
    train_and_report(config["job"], config["reports"].put, first=first)
