"""A model folder that others load."""

from __future__ import annotations

from pathlib import Path

import pytest

from humpback.deliver.export import export_model
from humpback.errors import ModelError

BELONG = {
    "config.json",
    "generation_config.json",
    "humpback.json",
    "model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
    "chat_template.jinja",
    "special_tokens_map.json",
    "NOTICE",
}
STAY = {
    "optimizer.pt",
    "training_args.bin",
    "pytorch_model.bin",
    "manifest.json",
    "modeling_evil.py",
    "log.jsonl",
    "README.md",
}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "forward-2"
    folder.mkdir()
    for name in BELONG | STAY:
        (folder / name).write_text(f"content of {name}")
    (folder / "checkpoint-50").mkdir()
    (folder / "checkpoint-50" / "model.safetensors").write_text("x")
    return folder


def test_the_model_and_nothing_else_is_copied(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "export" / "model"
    names = export_model(source, out, "the card")
    assert sorted(names) == sorted(path.name for path in out.iterdir())
    assert set(names) == BELONG | {"README.md"}
    assert (out / "README.md").read_text() == "the card"
    assert (out / "model.safetensors").read_text() == "content of model.safetensors"


def test_a_copy_is_independent_and_a_link_shares_the_weights_alone(source: Path, tmp_path: Path) -> None:
    export_model(source, tmp_path / "copy", "card")
    export_model(source, tmp_path / "link", "card", link=True)
    assert not (tmp_path / "copy" / "model.safetensors").samefile(source / "model.safetensors")
    assert (tmp_path / "link" / "model.safetensors").samefile(source / "model.safetensors")
    assert not (tmp_path / "link" / "config.json").samefile(source / "config.json")


@pytest.mark.parametrize("missing", ["config.json", "model.safetensors"])
def test_half_a_model_is_refused_and_the_old_export_stays(source: Path, tmp_path: Path, missing: str) -> None:
    out = tmp_path / "model"
    export_model(source, out, "old card")
    (source / missing).unlink()
    with pytest.raises(ModelError, match="holds no model"):
        export_model(source, out, "new card")
    assert (out / "README.md").read_text() == "old card"


def test_no_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError):
        export_model(tmp_path / "nowhere", tmp_path / "out", "card")
    assert list(tmp_path.iterdir()) == []
