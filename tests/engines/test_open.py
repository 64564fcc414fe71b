"""What is chosen and not there is one line."""

from importlib.util import find_spec

import pytest

from humpback.config import ModelSettings
from humpback.engines.open import open_engine
from humpback.errors import ConfigError


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
