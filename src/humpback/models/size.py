"""How many parameters a model has, read from the head of its files: nothing is loaded, fetched or converted."""

from __future__ import annotations

import json
import math
from pathlib import Path

from humpback.config import ModelSettings
from humpback.models.packages import packaged_model

_LENGTH_BYTES = 8
"""Bytes at the beginning of a safetensors file that say how long its header is."""

_MAX_HEADER_BYTES = 100_000_000
"""The longest header that the format allows, in bytes."""


def parameters(settings: ModelSettings) -> int | None:
    """The number of parameters; None where it cannot be known without fetching or preparing the model."""
    if not settings.engine_spec.embedded:
        return None
    if settings.name.startswith("package:"):
        return packaged_model(settings.name).parameters
    path = Path(settings.name).expanduser()
    if not path.exists():
        return None
    try:
        return _of_gguf(path) if path.is_file() else _of_folder(path)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _of_folder(folder: Path) -> int | None:
    files = sorted(folder.glob("*.safetensors"))
    return sum(map(_of_safetensors, files)) if files else None


def _of_safetensors(file: Path) -> int:
    with file.open("rb") as stream:
        length = int.from_bytes(stream.read(_LENGTH_BYTES), "little")
        if length > _MAX_HEADER_BYTES:
            raise ValueError("the header is too long")
        header = json.loads(stream.read(length))
    return sum(math.prod(tensor["shape"]) for name, tensor in header.items() if name != "__metadata__")


def _of_gguf(file: Path) -> int:
    from gguf import GGUFReader

    return sum(int(tensor.n_elements) for tensor in GGUFReader(file).tensors)
