"""The final model as a folder that transformers loads, with its card."""

from __future__ import annotations

import os
import shutil
from fnmatch import fnmatch
from pathlib import Path

from humpback.deliver.export.folder import whole_folder
from humpback.errors import ModelError

FILES = (
    "config.json",
    "generation_config.json",
    "humpback.json",
    "*.safetensors",
    "*.safetensors.index.json",
    "tokenizer*",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.*",
    "merges.txt",
    "*.model",
    "chat_template*",
    "preprocessor_config.json",
    "processor_config.json",
    "LICENSE*",
    "LICENCE*",
    "NOTICE*",
    "USE_POLICY*",
)
"""What belongs to a model. Checkpoints, optimiser states, logs, pickles and code stay behind."""


def export_model(source: Path, model_folder: Path, card: str, *, link: bool = False) -> tuple[str, ...]:
    """Copies a model folder in the Hugging Face layout and writes its card.

    Args:
        source: The model folder.
        model_folder: The folder to make; one that exists is replaced as a whole.
        card: Its README.md, from `model_card`.
        link: Share the weight files with the source where the file system can, which takes no space. A program that
            later writes into those files changes both folders.

    Returns:
        The names of the files exported.

    Raises:
        ModelError: The source has no `config.json` or no safetensors weights.
        StoreError: The folder cannot be written.
    """
    names = _names(source)
    if "config.json" not in names or not any(name.endswith(".safetensors") for name in names):
        raise ModelError(f"{source} holds no model", "finish the training before exporting")
    with whole_folder(model_folder) as folder:
        for name in names:
            _put(source / name, folder / name, link and name.endswith(".safetensors"))
        (folder / "README.md").write_text(card, encoding="utf-8")
    return (*names, "README.md")


def _names(source: Path) -> tuple[str, ...]:
    if not source.is_dir():
        return ()
    return tuple(
        sorted(
            path.name
            for path in source.iterdir()
            if path.is_file() and any(fnmatch(path.name, pattern) for pattern in FILES)
        )
    )


def _put(source: Path, target: Path, link: bool) -> None:
    if link:
        try:
            os.link(source.resolve(), target)
        except OSError:
            # Another file system, or one without hard links: a copy does as well.
            pass
        else:
            return
    shutil.copyfile(source, target)
