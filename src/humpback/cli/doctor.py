"""What this machine can do: devices, memory, libraries, models within reach."""

from __future__ import annotations

import os
import platform
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from humpback import __version__, models
from humpback.config import ModelSettings
from humpback.errors import ModelError
from humpback.models.packages import package_models

_LIBRARIES = ("torch", "transformers", "trl", "accelerate", "peft", "datasets", "pyarrow")
_GIB = 1 << 30
_DISTRIBUTION = "humpback-align"
_EXTRA = re.compile(r"(?P<package>[\w.-]+).*;.*\bextra == ['\"](?P<extra>[\w-]+)")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that this machine has or lacks.

    Attributes:
        name: What was looked at.
        text: What there is, for people.
        fields: The same as fields of `humpback doctor --json`; a list or an object adds to what is there.
    """

    name: str
    text: str
    fields: Mapping[str, Any]


def examine() -> Iterator[Finding]:
    """What this machine can do, one finding for each line."""
    import psutil

    memory, disk = psutil.virtual_memory(), shutil.disk_usage(Path.cwd())
    versions = {"humpback": __version__, "python": platform.python_version()}
    system = f"{platform.system()} {platform.machine()}"
    yield Finding("humpback", f"{__version__} on Python {versions['python']}, {system}", {**versions, "system": system})
    yield Finding("processor", f"{os.cpu_count()} cores", {"cores": os.cpu_count()})
    bytes_there = {"memory_free_bytes": memory.available, "memory_bytes": memory.total}
    yield Finding("memory", f"{memory.available / _GIB:.1f} GiB free of {memory.total / _GIB:.1f}", bytes_there)
    yield Finding("disk", f"{disk.free / _GIB:.1f} GiB free here", {"disk_free_bytes": disk.free})
    yield from _accelerators()
    for name in _LIBRARIES:
        version = _version(name)
        yield Finding(name, version or f"not installed: pip install {name}", {"libraries": {name: version}})
    yield from _extras()
    for name in package_models():
        reach = _reach(name)
        yield Finding(name, reach, {"models": {name: reach}})
    yield Finding("model cache", str(models.cache_folder()), {"model_cache": str(models.cache_folder())})
    yield _hub()


def as_object(findings: Iterable[Finding]) -> dict[str, Any]:
    """The findings as one object: what `humpback doctor --json` prints."""
    values: dict[str, Any] = {"gpus": []}
    for finding in findings:
        for field, value in finding.fields.items():
            if isinstance(value, dict):
                values.setdefault(field, {}).update(value)
            else:
                values[field] = [*values[field], *value] if isinstance(value, list) else value
    return values


def _accelerators() -> Iterator[Finding]:
    try:
        import torch
    except ImportError:
        yield Finding("torch", "not installed: pip install torch", {})
        return
    has_accelerator = False
    for index in range(torch.cuda.device_count()):
        properties = torch.cuda.get_device_properties(index)
        has_accelerator = True
        gpu = {"name": properties.name, "memory_bytes": properties.total_memory}
        yield Finding(f"GPU {index}", f"{properties.name}, {properties.total_memory / _GIB:.0f} GiB", {"gpus": [gpu]})
    if torch.backends.mps.is_available():
        has_accelerator = True
        yield Finding("GPU", "Apple (mps)", {"gpus": [{"name": "Apple (mps)", "memory_bytes": None}]})
    if not has_accelerator:
        yield Finding("GPU", "none: the CPU will do for small models", {})


def _extras() -> Iterator[Finding]:
    """Each extra of the distribution, and whether all its packages are installed."""
    packages: dict[str, list[str]] = {}
    for requirement in metadata.requires(_DISTRIBUTION) or ():
        if match := _EXTRA.match(requirement):
            packages.setdefault(match["extra"], []).append(match["package"])
    for extra, names in sorted(packages.items()):
        missing = [name for name in names if _version(name) is None]
        state = "not installed" if len(missing) == len(names) else f"without {', '.join(missing)}"
        text = f"{state}: pip install '{_DISTRIBUTION}[{extra}]'" if missing else "installed"
        yield Finding(f"extra {extra}", text, {"extras": {extra: not missing}})


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _reach(name: str) -> str:
    try:
        identity = models.identify(ModelSettings(name=name))
    except ModelError as error:
        return str(error)
    ready = (models.cache_folder() / "models" / identity / "config.json").exists()
    return "ready" if ready else "installed, will be converted on first use"


def _hub() -> Finding:
    from urllib.error import URLError
    from urllib.request import Request, urlopen

    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return Finding("hub", "switched off (HF_HUB_OFFLINE)", {"hub_reachable": False})
    try:
        with urlopen(Request(constants.ENDPOINT, method="HEAD"), timeout=3):  # noqa: S310 - the hub's own address
            return Finding("hub", "reachable: models by 'org/name'", {"hub_reachable": True})
    except (URLError, OSError) as error:
        text = f"not reachable ({error}): use a folder, a GGUF file or a package"
        return Finding("hub", text, {"hub_reachable": False})
