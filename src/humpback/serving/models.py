"""Which models answer: those of a run by their number, or any other; and what their prompts were trained to carry."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from humpback import models
from humpback.config import Config, ModelSettings, TagSettings
from humpback.engines.base import Engine
from humpback.engines.open import open_engine
from humpback.errors import ConfigError, ModelError, StoreError
from humpback.method.record import read_record
from humpback.method.settings_file import load_config, with_changes
from humpback.models.template import MODEL_RECORD
from humpback.runs.store import Run, local_copy, path_of


@dataclass(frozen=True, slots=True)
class AnsweringModel:
    """A model that is to answer."""

    name: str
    """What people and programs call it, such as 'M_2'."""
    path: Path
    """Its folder; of no use for an engine without files."""
    settings: ModelSettings
    tags: TagSettings
    """What stands behind each instruction."""
    identity: str
    """Changes with the weights."""

    @contextmanager
    def opened(self) -> Iterator[Engine]:
        """Its engine, closed at the end."""
        with local_copy(self.path) as folder, open_engine(self.settings, folder, self.name) as engine:
            yield engine


def answering_models(name: str, numbers: Sequence[int], changes: list[str]) -> list[AnsweringModel]:
    """The models that are asked for.

    Args:
        name: A run folder, or a model as `model.name` takes it.
        numbers: Of a run which: 0 for M_0; none takes the last that is finished.
        changes: Settings, as NAME=VALUE.

    Raises:
        ConfigError: A setting is wrong, or a number is given for what is no run.
        ModelError: The model is not there, or was trained backwards.
        StoreError: The run has no such model, or not yet.
    """
    path = path_of(name)
    if (path / "config.yaml").is_file():
        return _of_run(Run(path), numbers, changes)
    if numbers:
        raise ConfigError(f"--model {numbers[0]} picks a model of a run, and {name} is none",
                          "give a run folder, or leave --model out")  # fmt: skip
    config = with_changes(Config.model_validate({"model": {"name": name}}), changes)
    resolved = models.resolve(config.model)
    sets_tags = any(change.startswith("tags.") for change in changes)
    tags = config.tags if sets_tags else _tags_of(resolved.path)
    return [AnsweringModel(Path(name).name or name, resolved.path, config.model, tags, resolved.identity)]


def _of_run(run: Run, numbers: Sequence[int], changes: list[str]) -> list[AnsweringModel]:
    config, stages = with_changes(load_config(run), changes), read_record(run).models
    manifests = {number: manifest for number, stage in enumerate(stages) if (manifest := run.stage(stage).manifest())}
    if not manifests:
        raise StoreError(f"no model of {run.path} is finished", "let 'humpback run' go on until M_0 is there")
    if missing := [number for number in numbers if number not in manifests]:
        listed = ", ".join(map(str, manifests))
        raise StoreError(f"{run.path} has no finished model M_{missing[0]}", f"--model may be {listed}")
    served_numbers = numbers or [max(manifests)]
    for number in served_numbers:
        run.stage(stages[number]).check_model()
    return [
        AnsweringModel(
            f"M_{number}",
            run.stage(stages[number]).model_path,
            config.model,
            config.tags,
            str(manifests[number]["fingerprint"]),
        )
        for number in served_numbers
    ]


def _tags_of(folder: Path) -> TagSettings:
    """What a finetuned model's own record says; a model from elsewhere has seen no tags.

    Raises:
        ModelError: It writes instructions, not answers; or the record is damaged.
    """
    file = folder / MODEL_RECORD
    if not file.is_file():
        return TagSettings(enabled=False)
    try:
        record = json.loads(file.read_text(encoding="utf-8"))
        direction, tags = record["direction"], TagSettings.model_validate(record["tags"])
    except (OSError, ValueError, KeyError, TypeError):
        raise ModelError(f"{file} is damaged", "train the model again") from None
    if direction == "backward":
        raise ModelError(f"{folder} is a backward model: it writes instructions for texts",
                         "ask it with 'humpback instruct', or give a forward model")  # fmt: skip
    return tags
