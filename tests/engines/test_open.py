"""The table of engines holds every engine, each is tried against the contract, and what is not there is one line."""

import ast
from importlib.util import find_spec
from pathlib import Path
from typing import get_args

import pytest

from humpback.config import ENGINES, EngineName, ModelSettings
from humpback.engines.open import open_engine
from humpback.errors import ConfigError

HERE = Path(__file__).parent


def test_every_engine_that_can_be_set_has_an_entry():
    assert tuple(ENGINES) == get_args(EngineName) == get_args(ModelSettings.model_fields["engine"].annotation)
    assert all(spec.name == name for name, spec in ENGINES.items())


@pytest.mark.parametrize("name", get_args(EngineName))
def test_every_engine_runs_the_contract(name):
    """Its test file is read and not imported: it may need a library that is not installed here."""
    tree = ast.parse((HERE / f"test_{name}.py").read_text(encoding="utf-8"))
    suites = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "TestContract"]
    assert [ast.unparse(base) for suite in suites for base in suite.bases] == ["EngineContract"]
    assert f"spec = ENGINES['{name}']" in {ast.unparse(node) for node in suites[0].body}


@pytest.mark.parametrize("name", get_args(EngineName))
def test_every_entry_agrees_with_itself(name):
    spec = ENGINES[name]
    assert spec.needs_files != (spec.is_server or spec.dry_run)
    assert spec.needs_files or not spec.embedded
    assert not spec.is_server or not spec.trains
    server = {"base_url": "http://localhost:8000/v1"}
    assert spec.devices(ModelSettings(name="m", engine=name, server=server)) == 1


def test_a_copy_of_vllm_takes_as_many_devices_as_are_set():
    settings = ModelSettings.model_validate({"engine": "vllm", "vllm": {"tensor_parallel": 4}})

    assert settings.engine_spec.devices(settings) == 4


def test_a_dry_run_opens_without_files():
    with open_engine(ModelSettings(name="no/such-model", engine="fake")) as engine:
        assert engine.model == "fake"


@pytest.mark.skipif(find_spec("vllm") is not None, reason="vLLM is here")
def test_vllm_that_is_not_installed_is_one_line(tiny_model):
    settings = ModelSettings(name=str(tiny_model), engine="vllm")
    with (
        pytest.raises(
            ConfigError, match=r"engine is vllm.*No module named 'vllm'.*pip install 'humpback-align\[vllm\]'"
        ),
        open_engine(settings),
    ):
        pass
