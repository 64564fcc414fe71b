"""All that one training needs, as a record that can be passed to another process as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from humpback.config import ForwardSettings, ModelSettings, TagSettings, TrainSettings
from humpback.records import Direction
from humpback.training.schedule import Schedule


@dataclass(frozen=True, slots=True)
class TrainingJob:
    """Everything that decides one training, and where it reads and writes.

    Attributes:
        direction: Which side is learnt.
        base: Folder of the base model.
        model: Device, dtype and longest sequence.
        settings: The training.
        tags: S_a and S_w, for the model's own record.
        seed: Starts the generators of order, dropout and adapters.
        tokens: Folder of the tokenised pairs.
        heldout: Folder of the tokenised held-out pairs; None where nothing is held out.
        schedule: Steps and batch, and how the pairs are mixed.
        model_folder: Folder to write the finished model to.
        work: Folder of the checkpoints.
        checkpoint: Folder to go on from.
        identity: Digest of all that decides the training; its checkpoints carry it.
    """

    direction: Direction
    base: Path
    model: ModelSettings
    settings: TrainSettings
    tags: TagSettings
    seed: int
    tokens: Path
    heldout: Path | None
    schedule: Schedule
    model_folder: Path
    work: Path
    checkpoint: Path | None
    identity: str

    def dump(self) -> str:
        """As JSON."""
        return json.dumps(
            {
                "direction": self.direction,
                "seed": self.seed,
                "identity": self.identity,
                "model": self.model.model_dump(mode="json"),
                "settings": self.settings.model_dump(mode="json"),
                "tags": self.tags.model_dump(mode="json"),
                "schedule": asdict(self.schedule),
                "paths": {
                    name: str(path)
                    for name in ("base", "tokens", "heldout", "model_folder", "work", "checkpoint")
                    if (path := getattr(self, name)) is not None
                },
            }
        )

    @classmethod
    def load(cls, text: str) -> TrainingJob:
        """From what `dump` gave."""
        fields = json.loads(text)
        paths = {name: Path(path) for name, path in fields["paths"].items()}
        settings = ForwardSettings if fields["direction"] == "forward" else TrainSettings
        return cls(
            direction=fields["direction"],
            seed=fields["seed"],
            identity=fields["identity"],
            model=ModelSettings.model_validate(fields["model"]),
            settings=settings.model_validate(fields["settings"]),
            tags=TagSettings.model_validate(fields["tags"]),
            schedule=Schedule(**fields["schedule"]),
            base=paths["base"],
            tokens=paths["tokens"],
            heldout=paths.get("heldout"),
            model_folder=paths["model_folder"],
            work=paths["work"],
            checkpoint=paths.get("checkpoint"),
        )
