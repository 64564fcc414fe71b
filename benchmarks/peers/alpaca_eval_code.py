"""AlpacaEval's own arithmetic, run from its unpacked package without the rest of it.

Only its two files of metrics are used; what they would fetch from a hub (the table of gamed comparisons) is read from
a file. Needs `pip install --target FOLDER --no-deps alpaca-eval patsy fire python-dotenv openai tiktoken termcolor`.
"""

from __future__ import annotations

import importlib
import logging
import sys
import types
import warnings
from pathlib import Path
from typing import Any


def load(folder: Path, gamed: Path) -> types.ModuleType:
    """Its module of length-controlled win rates, with its table of gamed comparisons taken from a file."""
    sys.path.append(str(folder))
    # Its __init__ imports every decoder, and its utils a module that new setuptools no longer has.
    package = types.ModuleType("alpaca_eval")
    package.__path__ = [str(folder / "alpaca_eval")]
    sys.modules.setdefault("alpaca_eval", package)
    sys.modules.setdefault("pkg_resources", types.ModuleType("pkg_resources"))
    logging.disable(logging.WARNING)
    module = importlib.import_module("alpaca_eval.metrics.glm_winrate")
    module.hf_hub_download = lambda **_: str(gamed)  # type: ignore[attr-defined]
    return module


def figures(module: Any, annotations: Path, form: str) -> dict[str, float]:
    """What it makes of a file of annotations."""
    import pandas as pd

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = module.get_length_controlled_winrate(
            pd.read_json(annotations, orient="records"), glm_name=form, save_weights_dir=None
        )
    return {name: float(value) for name, value in found.items()}
