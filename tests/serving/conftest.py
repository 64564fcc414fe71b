"""A tiny model as `finetune` leaves one: with the record that names its tags."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from transformers import AutoTokenizer

from humpback.config import TagSettings
from humpback.models.template import MODEL_RECORD, Template


@pytest.fixture(scope="session")
def finetuned(tiny_chat_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = shutil.copytree(tiny_chat_model, tmp_path_factory.mktemp("finetuned") / "m-1")
    template = Template(AutoTokenizer.from_pretrained(folder))
    record = {"direction": "forward", "tags": TagSettings().model_dump(), "template": template.identity}
    (folder / MODEL_RECORD).write_text(json.dumps(record), encoding="utf-8")
    return folder
