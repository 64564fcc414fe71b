"""A model folder is taken only where its weights are those that its config asks for."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from humpback import models
from humpback.config import ModelSettings
from humpback.engines.open import open_engine
from humpback.errors import ModelError
from humpback.models.sources import _check_snapshot, _sampled_identity
from humpback.models.weights import check_weights, load_network


def _with_config(**values: Any):
    def change(folder: Path) -> None:
        file = folder / "config.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | values))

    return change


def _with_weight(folder: Path, change) -> None:
    file = folder / "model.safetensors"
    weights = load_file(file)
    change(weights)
    save_file(weights, file, {"format": "pt"})


def _with_nan(weights: dict[str, torch.Tensor]) -> None:
    weights["model.norm.weight"][3] = float("nan")


def _with_infinity(weights: dict[str, torch.Tensor]) -> None:
    weights["model.norm.weight"][3] = float("-inf")


TOKENIZER = "cannot be loaded "
FAULTS = {
    r"weights are missing: model.layers.10.* and \d+ more": _with_config(num_hidden_layers=100),
    "weights are not asked for by config.json: model.layers.1": _with_config(num_hidden_layers=1),
    "weights have another shape than config.json says: model.layers.0.mlp": _with_config(intermediate_size=100),
    "weights hold values that are not numbers: model.norm.weight": lambda folder: _with_weight(folder, _with_nan),
    "weights hold values that are not numbers: .*norm": lambda folder: _with_weight(folder, _with_infinity),
    "cannot be loaded .*hidden_size": _with_config(hidden_size="wide"),
    "cannot be loaded": lambda folder: (folder / "model.safetensors").write_bytes(b"\xff" * 64),
    TOKENIZER: lambda folder: (folder / "tokenizer.json").write_text("[]"),
}


@pytest.mark.parametrize("message", FAULTS)
def test_a_folder_that_is_not_what_it_says_is_refused_in_one_line(message, tiny_model, tmp_path, capfd):
    folder = shutil.copytree(tiny_model, tmp_path / "model")
    FAULTS[message](folder)
    with pytest.raises(ModelError, match=message.strip()) as refused, open_engine(_settings(folder), folder, "x"):
        pass
    assert "\n" not in str(refused.value)
    if message != TOKENIZER:  # what another library loads is refused alike, before it does
        with pytest.raises(ModelError, match=message):
            check_weights(folder, trust=False)
    assert capfd.readouterr().err == ""


def test_whole_models_are_taken(tiny_model, tiny_chat_model):
    for folder in (tiny_model, tiny_chat_model):
        assert load_network(folder, trust=False).num_parameters() > 0
        check_weights(folder, trust=False)


def test_quantised_weights_and_unknown_models_are_left_to_the_engine_that_knows_them(tiny_model, tmp_path):
    folder = shutil.copytree(tiny_model, tmp_path / "model")
    _with_config(num_hidden_layers=100, quantization_config={"quant_method": "awq"})(folder)
    check_weights(folder, trust=False)
    _with_weight(folder, _with_nan)
    with pytest.raises(ModelError, match=r"are not numbers: model\.norm"):
        check_weights(folder, trust=False)


def test_every_byte_of_a_large_file_counts_for_the_identity_and_old_runs_keep_theirs(tiny_model, tmp_path):
    folder = shutil.copytree(tiny_model, tmp_path / "model")
    (folder / "more.safetensors").write_bytes(bytes(70 << 20))
    whole, sampled = models.identify(_settings(folder)), _sampled_identity(folder)
    assert models.identify(_settings(folder), sampled) == sampled
    assert models.identify(_settings(folder), "another") == whole
    with (folder / "more.safetensors").open("r+b") as file:
        file.seek((1 << 20) + 9)  # between two of the blocks that an earlier version looked at
        file.write(b"\x01")
    assert _sampled_identity(folder) == sampled
    assert models.identify(_settings(folder)) != whole
    (folder / "merges.txt").write_text("a b")
    assert models.identify(_settings(folder)) != whole


def _settings(folder: Path) -> ModelSettings:
    return ModelSettings(name=str(folder), device="cpu")


def test_a_model_of_the_hub_is_refused_where_its_cache_has_changed(tmp_path):
    digest = hashlib.sha256(b"weights").hexdigest()
    blob, link = tmp_path / "blobs" / digest, tmp_path / "snapshots" / "1a2b" / "model.safetensors"
    for path in (blob, link):
        path.parent.mkdir(parents=True)
    blob.write_bytes(b"weights")
    link.symlink_to(blob)
    _check_snapshot(link.parent)
    blob.write_bytes(b"weightz")
    with pytest.raises(ModelError, match=f"model.safetensors is not as it was fetched: delete .*{digest}"):
        _check_snapshot(link.parent)
