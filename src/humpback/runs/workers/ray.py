"""Tasks on a Ray cluster: an actor for each core, or for each GPU where it holds a model.

The cluster is the one that RAY_ADDRESS names, or one that runs here, or one that is started on this machine. Its nodes
must have humpback installed and see the documents and the run folder under the same path or address. Workers commit
what they make by themselves; nothing but task numbers comes back, so the driver's memory does not grow with the corpus.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Generator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import cloudpickle

from humpback.errors import ConfigError, HumpbackError, StageError
from humpback.runs.tasks import Do, Job
from humpback.runs.workers.base import DEATHS

_QUEUED = 2
"""Tasks that are queued at each actor, so that none waits for the driver."""
_CLOSE_SECONDS = 60
"""How long actors may take to close a model before they are killed."""
_POLL_SECONDS = 0.05
"""How often the driver asks which tasks are finished."""


class RayWorkers:
    """Actors of a Ray cluster.

    Args:
        workers: How many for work without a model; 0 takes one for each core of the cluster.
        gpus: How many of them hold one copy of a model together.

    Raises:
        ConfigError: Ray is not installed, or the cluster does not answer.
    """

    def __init__(self, workers: int = 0, gpus: int = 1) -> None:
        try:
            import ray
        except ImportError:
            raise ConfigError("run.executor: ray needs Ray", "pip install 'humpback-align[ray]'") from None
        try:
            ray.init(ignore_reinit_error=True, log_to_driver=False, logging_level=logging.ERROR)
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise ConfigError(f"no Ray cluster answers ({error})", "check RAY_ADDRESS") from None
        self._ray: Any = ray
        self._workers = workers
        self._gpus = gpus
        self._pool: _ActorPool | None = None

    def run(self, job: Job, tasks: Sequence[int], *, model: bool, waits: int = 0) -> Generator[int]:
        """Runs every task; several actors wait for a server at a time anyway."""
        pool = self._pool_for(model)
        pool.set_job(cloudpickle.dumps(job))
        pending = list(reversed(tasks))  # the next one is taken from the end
        running: dict[Any, tuple[int, int]] = {}
        deaths = 0
        try:
            free = pool.numbers(min(self._size(model), len(tasks))) * _QUEUED
            while pending or running:
                while pending and free:
                    number, task = free.pop(0), pending.pop()
                    running[pool.submit(number, task)] = (number, task)
                for reference in self._ray.wait(list(running), num_returns=len(running), timeout=_POLL_SECONDS)[0]:
                    number, task = running.pop(reference)
                    if self._result(reference):
                        deaths = 0
                        free.append(number)
                        yield task
                        continue
                    pending.append(task)
                    # All tasks that were queued at an actor fail when it dies: it is replaced once.
                    if pool.remove(number):
                        deaths += 1
                        self._give_up_at(deaths, task)
                        free = [actor for actor in free if actor != number] + pool.start(1) * _QUEUED
        finally:
            if running:
                pool.kill_all()

    def release(self) -> None:
        """Ends all actors, each after it has closed what it holds."""
        if self._pool is not None:
            self._pool.close()
            self._pool = None

    def _pool_for(self, model: bool) -> _ActorPool:
        """The actors of the job before, or new ones where those have not the resources that this one needs."""
        needs = self._needs(model)
        if self._pool is not None and self._pool.needs != needs:
            self.release()
        self._pool = self._pool or _ActorPool(self._ray, needs)
        return self._pool

    def _needs(self, model: bool) -> dict[str, float]:
        """What an actor takes of its node. A model on a CPU has all cores: Ray gives an actor's libraries no others."""
        if not model:
            return {"num_cpus": 1}
        if self._ray.cluster_resources().get("GPU", 0):
            return {"num_cpus": 1, "num_gpus": self._gpus}
        return {"num_cpus": min(self._cores(), default=1)}

    def _size(self, model: bool) -> int:
        """How many actors: for a model one on each GPU (or group of them), or on each node where there are none.

        Raises:
            ConfigError: There are fewer GPUs than hold one copy.
        """
        resources = self._ray.cluster_resources()
        if not model:
            return self._workers or max(1, int(resources.get("CPU", 1)))
        if not (gpus := int(resources.get("GPU", 0))):
            return max(1, len(self._cores()))
        if gpus < self._gpus:
            raise ConfigError(f"model.vllm.tensor_parallel is {self._gpus}, the cluster has {gpus} GPUs", "lower it")
        return gpus // self._gpus

    def _cores(self) -> list[int]:
        """The cores of each node that has any."""
        return [int(cores) for node in self._ray.nodes() if node["Alive"] and (cores := node["Resources"].get("CPU"))]

    def _result(self, reference: Any) -> bool:
        """Whether the task is done; False where its worker died.

        Raises:
            HumpbackError: What the task raised.
        """
        errors = self._ray.exceptions
        try:
            self._ray.get(reference)
        except errors.RayTaskError as error:
            raise (error.cause if isinstance(error.cause, HumpbackError) else error) from None
        except (errors.RayActorError, errors.WorkerCrashedError, errors.OutOfMemoryError):
            return False
        return True

    @staticmethod
    def _give_up_at(deaths: int, task: int) -> None:
        if deaths == DEATHS:
            raise StageError(
                f"Ray workers die again and again, the last one at task {task}",
                "see whether the nodes are out of memory; take fewer with run.workers",
            )


class _ActorPool:
    """Actors by number. They live on from job to job, for starting one imports libraries anew.

    Args:
        ray: The library.
        needs: What each actor takes of its node.
    """

    def __init__(self, ray: Any, needs: dict[str, float]) -> None:
        self.needs = needs
        self._ray = ray
        self._kind = ray.remote(max_restarts=0)(_Actor).options(**needs)
        self._actors: dict[int, Any] = {}
        self._job_of: dict[int, Any] = {}
        """The job that each actor was sent last."""
        self._started = 0
        self._job: Any = None

    def set_job(self, job: bytes) -> None:
        """Sets the job of all tasks from now on."""
        self._job = self._ray.put(job)

    def numbers(self, count: int) -> list[int]:
        """The numbers of `count` actors; starts what is missing."""
        self.start(max(0, count - len(self._actors)))
        return list(self._actors)[:count]

    def start(self, count: int) -> list[int]:
        """Starts `count` actors and returns their numbers."""
        numbers = list(range(self._started, self._started + count))
        self._started += count
        self._actors |= {number: self._kind.remote(str(Path.cwd())) for number in numbers}
        return numbers

    def submit(self, number: int, task: int) -> Any:
        """Sends a task of the job to an actor; returns what Ray waits for."""
        if self._job_of.get(number) is not self._job:
            self._actors[number].set_job.remote(self._job)
            self._job_of[number] = self._job
        return self._actors[number].do.remote(task)

    def remove(self, number: int) -> bool:
        """Forgets an actor that died; False where it was forgotten already."""
        self._job_of.pop(number, None)
        return self._actors.pop(number, None) is not None

    def close(self) -> None:
        """Closes what each actor holds, then ends it."""
        if closing := [actor.close.remote() for actor in self._actors.values()]:
            self._ray.wait(closing, num_returns=len(closing), timeout=_CLOSE_SECONDS)
        self.kill_all()

    def kill_all(self) -> None:
        """Ends all actors."""
        for actor in self._actors.values():
            self._ray.kill(actor)
        self._actors, self._job_of = {}, {}


class _Actor:
    """A worker: one job after the other, of each one task after the other."""

    def __init__(self, folder: str) -> None:
        if Path(folder).is_dir():
            os.chdir(folder)
        self._open = ExitStack()
        self._job = b""
        self._do: Do | None = None

    def set_job(self, job: bytes) -> None:
        """Closes the job before. The next one is opened by its first task, so that the task reports an error of it."""
        self._open.close()
        self._job, self._do = job, None

    def close(self) -> None:
        """Closes what the job needed."""
        self._open.close()

    def do(self, task: int) -> int:
        """Runs a task."""
        if self._do is None:
            self._do = self._open.enter_context(cloudpickle.loads(self._job).open())
        self._do(task)
        return task
