"""What this machine can do: devices, memory, libraries, models within reach."""

from __future__ import annotations

import os
import platform
import re
import shutil
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from humpback import __version__, models
from humpback.config import ModelSettings
from humpback.errors import ModelError
from humpback.models.packages import package_models

_LIBRARIES = ("torch", "transformers", "trl", "accelerate", "peft", "datasets", "pyarrow")
_DISTRIBUTION = "humpback-align"
_EXTRA = re.compile(r"(?P<package>[\w.-]+).*;.*\bextra == ['\"](?P<extra>[\w-]+)")


def examine() -> Iterator[tuple[str, str]]:
    """Name and finding, one for each line."""
    import psutil

    memory = psutil.virtual_memory()
    yield "humpback", f"{__version__} on Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    yield "processor", f"{os.cpu_count()} cores"
    yield "memory", f"{memory.available / 2**30:.1f} GiB free of {memory.total / 2**30:.1f}"
    yield "disk", f"{shutil.disk_usage(Path.cwd()).free / 2**30:.1f} GiB free here"
    yield from _accelerators()
    for name in _LIBRARIES:
        yield name, _version(name)
    yield from _extras()
    for name in package_models():
        yield name, _reach(name)
    yield "model cache", str(models.cache_folder())
    yield "hub", _hub()


def _accelerators() -> Iterator[tuple[str, str]]:
    try:
        import torch
    except ImportError:
        yield "torch", "not installed: pip install torch"
        return
    found = False
    for index in range(torch.cuda.device_count()):
        properties = torch.cuda.get_device_properties(index)
        found = True
        yield f"GPU {index}", f"{properties.name}, {properties.total_memory / 2**30:.0f} GiB"
    if torch.backends.mps.is_available():
        found = True
        yield "GPU", "Apple (mps)"
    if not found:
        yield "GPU", "none: the CPU will do for small models"


def _extras() -> Iterator[tuple[str, str]]:
    """Each extra of the distribution, and whether all its packages are installed."""
    packages: dict[str, list[str]] = {}
    for requirement in metadata.requires(_DISTRIBUTION) or ():
        if match := _EXTRA.match(requirement):
            packages.setdefault(match["extra"], []).append(match["package"])
    for extra, names in sorted(packages.items()):
        missing = [name for name in names if _version(name).startswith("not installed")]
        state = "not installed" if len(missing) == len(names) else f"without {', '.join(missing)}"
        yield f"extra {extra}", f"{state}: pip install '{_DISTRIBUTION}[{extra}]'" if missing else "installed"


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return f"not installed: pip install {name}"


def _reach(name: str) -> str:
    try:
        identity = models.identify(ModelSettings(name=name))
    except ModelError as error:
        return str(error)
    ready = (models.cache_folder() / "models" / identity / "config.json").exists()
    return "ready" if ready else "installed, will be converted on first use"


def _hub() -> str:
    from urllib.error import URLError
    from urllib.request import Request, urlopen

    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return "switched off (HF_HUB_OFFLINE)"
    try:
        with urlopen(Request(constants.ENDPOINT, method="HEAD"), timeout=3):  # noqa: S310 - the hub's own address
            return "reachable: models by 'org/name'"
    except (URLError, OSError) as error:
        return f"not reachable ({error}): use a folder, a GGUF file or a package"
