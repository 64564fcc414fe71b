"""The data set and the model of single commands, each with its card: what `select` and `finetune` wrote."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

from humpback import __version__
from humpback.config import TagSettings
from humpback.data_access.rows import file_rows
from humpback.deliver.export import CardFacts, data_card, export_data, export_model, model_card
from humpback.errors import InputError, ModelError, StoreError
from humpback.models import Licence
from humpback.models.template import MODEL_RECORD
from humpback.records import Curated

_COLUMNS = [field.name for field in fields(Curated)]


def export_curated(file: Path, folder: Path, model: Path | None = None, *, force: bool = False) -> dict[str, Path]:
    """Writes a curated file, and a model where one is named, in the formats of the ecosystem.

    Args:
        file: What `humpback select` wrote.
        folder: Folder for 'dataset' and 'model'.
        model: What `humpback finetune` wrote.
        force: Replace what is there.

    Returns:
        Where they are, by what they are.

    Raises:
        InputError: The file is not what `select` wrote, or holds nothing.
        ModelError: The model is not what `finetune` wrote.
        StoreError: The folder holds an export already.
    """
    written = {"data set": folder / "dataset", **({"model": folder / "model"} if model else {})}
    for path in written.values():
        if path.exists() and not force:
            raise StoreError(f"{path} is there already", "choose another --out, or overwrite it with --force")
    facts = _facts(file, _record(model) if model else {})
    export_data(_curated(file), (), lambda record_id: (), written["data set"], data_card(facts))
    if model:
        export_model(model, written["model"], model_card(facts))
    return written


def _curated(file: Path) -> Iterator[Curated]:
    for number, row in file_rows(file):
        if missing := [name for name in _COLUMNS if name not in row]:
            raise InputError(f"{file} row {number} has no {', '.join(missing)}", "give what 'humpback select' wrote")
        values: dict[str, Any] = {name: row[name] for name in _COLUMNS}
        yield Curated(**values | {"title_path": tuple(values["title_path"] or ())})


def _record(model: Path) -> dict[str, Any]:
    file = model / MODEL_RECORD
    try:
        record: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        TagSettings.model_validate(record["tags"])
        if record["direction"] == "forward":
            return record
    except FileNotFoundError:
        raise ModelError(f"there is no {file}", "give the folder that 'humpback finetune' wrote") from None
    except (OSError, ValueError, KeyError, TypeError):
        raise ModelError(f"{file} is damaged", "train the model again") from None
    raise ModelError(f"{model} is a backward model", "give a forward model, which answers")


def _facts(file: Path, record: dict[str, Any]) -> CardFacts:
    count, scorers, lowest, iterations = 0, set(), float("inf"), 0
    for row in _curated(file):
        count += 1
        scorers.add(row.scorer)
        lowest, iterations = min(lowest, row.score), max(iterations, row.iteration)
    if not count:
        raise InputError(f"{file} holds no pairs", "give what 'humpback select' wrote")
    base = record.get("base", {})
    tags = TagSettings.model_validate(record["tags"]) if record else TagSettings(enabled=False)
    return CardFacts(
        name=file.name.split(".")[0],
        date=time.strftime("%Y-%m-%d"),
        version=__version__,
        base_model=Path(base["name"]).name if "name" in base else "",
        base_identity=str(base.get("identity", "")),
        base_licence=Licence(),
        scorer=", ".join(sorted(scorers)),
        selection=f"scores from {lowest:g} up",
        iterations=iterations,
        curated=count,
        seed_pairs=0,
        seed_source="",
        corpus=(),
        tag_seed=tags.seed if tags.enabled else "",
        tag_augmented=tags.augmented if tags.enabled else "",
        examples=int(record.get("examples", 0)),
    )
