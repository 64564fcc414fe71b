"""The table of engines: one entry for each way of running a language model, with all that differs between them.

Every other module asks the entry and compares no names. A new engine is a name and an entry here, a module
`engines/NAME.py` with a function `open_model`, and `tests/engines/test_NAME.py`, which runs the contract on it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from humpback.config.model import ModelSettings

EngineName = Literal["transformers", "vllm", "openai", "fake"]


def _one_device(model: ModelSettings) -> int:
    return 1


@dataclass(frozen=True, slots=True)
class EngineSpec:
    """What the other modules need to know of an engine.

    Attributes:
        name: The value of `model.engine`, and the module in `engines` that opens it.
        trains: Whether a run can use it: the model that answers is one that can be finetuned, or a dry run's.
        needs_files: Whether the model's files have to be on this machine.
        embedded: Whether the model is held by this process, so that other libraries can read with it too.
        is_server: Whether `model.server` says where the model is.
        dry_run: Whether it makes every text up, so that nothing it says counts as a result.
        reads_spans: Whether it gives log-likelihoods of a text that stands in the conversation.
        keeps_answers: Whether each answer is paid for by itself and does not depend on what else is asked, so that
            each is worth writing down as it comes. Other engines answer a shard faster than one request at a time.
        embeds_by: The engine that shows the hidden states of this engine's models: itself, another one that can open
            the same files, or None.
        extra: The extra of our package that installs its library; empty where nothing more is needed.
        environment: Variables that its library reads when it is imported. Those that the user has set stay.
        devices: How many devices one copy of the model takes.
    """

    name: EngineName
    trains: bool = True
    needs_files: bool = True
    embedded: bool = False
    is_server: bool = False
    dry_run: bool = False
    reads_spans: bool = True
    keeps_answers: bool = False
    embeds_by: EngineName | None = None
    extra: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    devices: Callable[[ModelSettings], int] = _one_device

    @property
    def embeds(self) -> bool:
        """Whether it shows hidden states itself."""
        return self.embeds_by == self.name


_ALL = (
    EngineSpec("transformers", embedded=True, embeds_by="transformers"),
    EngineSpec(
        "vllm",
        embeds_by="transformers",
        extra="vllm",
        environment={
            "VLLM_LOGGING_LEVEL": "ERROR",
            "VLLM_NO_USAGE_STATS": "1",  # nothing is sent to its makers
            # A fork of a process in which Arrow and PyTorch have threads can hang.
            "VLLM_WORKER_MULTIPROC_METHOD": "spawn",
        },
        devices=lambda model: model.vllm.tensor_parallel,
    ),
    EngineSpec("openai", trains=False, needs_files=False, is_server=True, reads_spans=False, keeps_answers=True),
    EngineSpec("fake", needs_files=False, dry_run=True, embeds_by="fake"),
)

ENGINES: Mapping[EngineName, EngineSpec] = {spec.name: spec for spec in _ALL}
