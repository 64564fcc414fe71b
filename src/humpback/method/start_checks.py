"""What is checked before the first stage, in seconds and in this order. All that fails is said at once, a line each.

    folder    the run folder can be written
    packages  what the settings need is installed
    devices   the device is here, and as many of it as the trainings ask for
    models    each can be had and is a causal language model; a server answers
    seed      it has enough pairs to hold some out, and to calibrate on
    lengths   an answer leaves room for its prompt
    memory    what is loaded of the model fits, and what a training keeps for each weight
    disk      the models fit that are still to be made

Nothing is loaded or trained. Of a model on the hub the config is fetched; of the seed no more pairs are read than tell
whether they suffice; no document is read. What cannot be known yet is not refused: the stages check it themselves.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from math import ceil
from pathlib import Path
from typing import TypeVar

from humpback import models, seed
from humpback.config import SCORERS, Config, ModelSettings, TrainSettings
from humpback.corpus.reading.sources import list_sources
from humpback.engines.open import open_engine
from humpback.errors import ConfigError, HumpbackError, InputError, ModelError, StoreError
from humpback.models.device import device_count, kind_of_device, memory_bytes
from humpback.models.size import parameters
from humpback.records import Direction
from humpback.runs.stage import Stage, Train
from humpback.runs.status import status, with_dependents
from humpback.runs.store import Run
from humpback.runs.store.files import is_remote
from humpback.training.requirements import check_packages, training_disk_bytes, training_memory_bytes

P = TypeVar("P")
_GIB = 1 << 30
_MOST_PAIRS = 64
"""A seed of more pairs has enough to calibrate on, as far as is seen without a model."""


@dataclass(frozen=True, slots=True)
class _Work:
    """What is to be done, as far as the checks ask."""

    config: Config
    folder: Path
    trainings: tuple[tuple[Direction, TrainSettings], ...]
    """Those that are still to be made."""
    models_kept: int
    """Models that they leave on the disk at least."""
    models: tuple[ModelSettings, ...]
    """The models that answer or are trained."""
    size: int | None
    """Parameters of the base model, where they are known."""
    needs_seed: bool
    """Whether pairs of the seed are to be held out, or calibrated on."""

    @property
    def is_local(self) -> bool:
        """Whether this machine does it."""
        return self.config.run.executor == "local"


def check_start(
    stages: Sequence[Stage],
    config: Config,
    run: Run,
    redo: Sequence[str] = (),
    *,
    needs_seed: bool = False,
    keeps_models: bool = True,
) -> None:
    """Refuses work of which something that it needs is missing; what is done already needs nothing.

    Args:
        stages: A plan.
        config: The settings that it was made from.
        run: Where it is carried out.
        redo: Stages that are done again, with all that stands on them.
        needs_seed: Whether pairs of the seed are held out.
        keeps_models: Whether each model stays on the disk; of those of an experiment that are deleted one counts.

    Raises:
        HumpbackError: All that is missing.
    """
    redone = with_dependents(stages, redo)
    pending = [item.stage for item in status(stages, run) if item.state != "done" or item.stage.name in redone]
    if pending:
        trainings = [training for stage in pending if (training := _training(stage, config))]
        used = [config.model] if trainings or any(stage.model and not stage.external for stage in pending) else []
        for external in (external for stage in pending for external in stage.external):
            if external.settings not in used:
                used.append(external.settings)
        count = len(trainings) if keeps_models else min(1, len(trainings))
        size = _size(config.model) if config.needs_base else None
        work = _Work(config, run.path, tuple(trainings), count, tuple(used), size, needs_seed)
        if errors := list(_failures(work)):
            raise _together(errors)


def plan_or_refuse(make: Callable[[], P], config: Config, run: Run) -> P:
    """Makes a plan of a run; where that fails, says with its mistake all others that can be known without a plan.

    Raises:
        HumpbackError: All that is missing.
    """
    try:
        return make()
    except HumpbackError as error:
        both: tuple[tuple[Direction, TrainSettings], ...]
        both = (("backward", config.backward), ("forward", config.forward))
        trains = config.run.train != "none"
        used = (config.model,) if config.needs_base and config.model.engine_spec.trains else ()
        work = _Work(config, run.path, both if trains else (), 0, used, None, needs_seed=True)
        raise _together([error, *_failures(work, _check_documents)]) from None


def _together(errors: Sequence[HumpbackError]) -> HumpbackError:
    lines = list(dict.fromkeys(map(str, errors)))
    if len(lines) == 1:
        return errors[0]
    return HumpbackError("\n  ".join([f"the work cannot start for {len(lines)} reasons", *lines]))


def _failures(work: _Work, *extra_checks: Callable[[_Work], None]) -> Iterator[HumpbackError]:
    for check in _checks(work, extra_checks):
        try:
            check()
        except HumpbackError as error:
            yield error


def _checks(work: _Work, extra_checks: Sequence[Callable[[_Work], None]]) -> Iterator[Callable[[], None]]:
    """The checks in their order, each to be made by itself."""
    trainings = {(direction, settings.method): settings for direction, settings in work.trainings}
    yield partial(_check_folder, work)
    yield partial(_check_libraries, work)
    for (direction, _), settings in trainings.items():
        yield partial(check_packages, settings, direction)
    for settings in trainings.values():
        yield partial(_check_devices, work, settings)
    for model in work.models:
        yield partial(_check_model, model, is_here=work.is_local)
    for check in (*extra_checks, _check_seed, _check_lengths, _check_memory, _check_disk):
        yield partial(check, work)


def _training(stage: Stage, config: Config) -> tuple[Direction, TrainSettings] | None:
    if not isinstance(stage.work, Train):
        return None
    direction: Direction = "backward" if "backward.method" in stage.settings else "forward"
    settings = config.backward if direction == "backward" else config.forward
    # An arm of an experiment may have a method of its own.
    return direction, settings.model_copy(update={"method": stage.settings[f"{direction}.method"]})


def _existing(folder: Path) -> Path:
    return next(parent for parent in (folder.absolute(), *folder.absolute().parents) if parent.exists())


def _check_folder(work: _Work) -> None:
    if not is_remote(work.folder) and not os.access(_existing(work.folder), os.W_OK):
        raise StoreError(f"cannot write to {work.folder}", "choose another run folder")


def _check_libraries(work: _Work) -> None:
    if not work.is_local and find_spec("ray") is None:
        raise ConfigError("run.executor: ray needs Ray", "pip install 'humpback-align[ray]'")
    for spec in {model.engine: model.engine_spec for model in work.models}.values():
        if spec.extra and find_spec(spec.extra) is None:
            raise ConfigError(f"model.engine is {spec.name}, which is not installed",
                              f"pip install 'humpback-align[{spec.extra}]'")  # fmt: skip


def _local_models(work: _Work) -> list[ModelSettings]:
    """The models that this machine loads."""
    return [model for model in work.models if work.is_local and model.engine_spec.needs_files]


def _check_devices(work: _Work, settings: TrainSettings) -> None:
    if work.config.model in _local_models(work):
        device_count(settings, work.config.model)


def _check_model(model: ModelSettings, *, is_here: bool) -> None:
    models.check(model)
    if is_here and model.engine_spec.needs_files:
        kind_of_device(model.device)
    if model.engine_spec.is_server:
        with open_engine(model):
            pass


def _check_documents(work: _Work) -> None:
    if work.config.corpus.documents:  # an experiment on planted answers reads none
        list_sources(work.config.corpus)


def _check_seed(work: _Work) -> None:
    config = work.config
    if not work.needs_seed:
        return
    # Pairs with one instruction are held out together, so twice as many as the numbers say are surely enough.
    count = max(_MOST_PAIRS, ceil(6 * config.seed.holdout_min / (1 - config.seed.holdout_share)))
    pairs, are_all = seed.first_pairs(config.seed, config.run.seed, count)
    train = seed.hold_out(pairs, config.seed, config.run.seed).train
    scorers = (config.curate.scorer, *config.curate.first)
    if are_all and any(SCORERS[name].needs == "calibration" for name in scorers if name in SCORERS):
        from humpback.curate.calibration import FEWEST, draw_pairs

        good, faulty = draw_pairs(train, config.curate, config.run.seed)
        if min(len(good), len(faulty)) < FEWEST:
            raise InputError(
                f"the seed has {len(good)} pairs to calibrate on, and a fault can be planted in {len(faulty)} of them: "
                f"{FEWEST} of each are needed",
                "give more pairs with answers of some sentences, or set curate.scorer to expected-rating",
            )


def _check_lengths(work: _Work) -> None:
    model, augment, curate = work.config.model, work.config.augment, work.config.curate
    if not work.needs_seed or not model.engine_spec.needs_files:
        return
    lengths = {"augment.max_new_tokens": augment.max_new_tokens}
    if curate.scorer == "rating":
        lengths["curate.max_new_tokens"] = curate.max_new_tokens
    for name, length in lengths.items():
        if length >= model.max_tokens:
            raise ConfigError(f"{name} {length} leaves nothing of model.max_tokens {model.max_tokens} for the prompt",
                              "lower the one or raise the other")  # fmt: skip


def _size(model: ModelSettings) -> int | None:
    """The parameters of a model, of one on the hub where it was fetched earlier."""
    if not model.engine_spec.needs_files:
        return None
    if models.is_hub_id(model) and (folder := models.hub_folder(model)):
        model = model.model_copy(update={"name": str(folder)})
    return parameters(model.model_copy(update={"engine": "transformers"}))


def _weight_bytes(model: ModelSettings) -> int:
    kind = kind_of_device(model.device)
    return 2 if model.dtype == "bfloat16" or (model.dtype == "auto" and kind == "cuda") else 4


def _check_memory(work: _Work) -> None:
    for model in _local_models(work):
        size, kind = work.size if model == work.config.model else _size(model), kind_of_device(model.device)
        if size is None:
            continue
        needed = {f"{model.name}": size * _weight_bytes(model) // model.engine_spec.devices(model)}
        for direction, settings in work.trainings if model == work.config.model else ():
            processes = device_count(settings, model)
            bytes_of_one = training_memory_bytes(settings, size, _weight_bytes(model))
            share = 1 / processes if settings.shard else processes if kind == "cpu" else 1
            needed[f"the {direction} training ({direction}.method: {settings.method})"] = int(bytes_of_one * share)
        largest = max(needed, key=lambda name: needed[name])
        if needed[largest] > (free := memory_bytes(kind)):
            raise ModelError(
                f"{largest} takes at least {needed[largest] / _GIB:.1f} GiB of memory, and there are {free / _GIB:.1f}",
                "take a smaller model, another method (lora, qlora) or a machine with more",
            )


def _check_disk(work: _Work) -> None:
    size = work.size
    if size is None or not work.trainings or not work.is_local or is_remote(work.folder):
        return
    checkpoints = [
        training_disk_bytes(settings, size, saved=(settings.steps - 1) // settings.checkpoint_steps)
        for _, settings in work.trainings
        if settings.method == "full" and not settings.freeze_embeddings
        if settings.epochs is None and settings.steps != "paper"
    ]
    needed = work.models_kept * size * _weight_bytes(work.config.model) + max(checkpoints, default=0)
    free = shutil.disk_usage(_existing(work.folder)).free
    if needed > free:
        raise StoreError(
            f"{work.models_kept} models and the checkpoints of one take {needed / _GIB:.1f} GiB of disk in "
            f"{work.folder}, and {free / _GIB:.1f} are free",
            "free some space, choose another run folder, or lower run.iterations",
        )
