"""The embedded engine: a causal language model in this process, on the CPU or on one GPU.

Requests are taken in windows, sorted by length and run in batches that a token budget bounds; `generating`,
`likelihoods` and `embeddings` do the work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TypeVar

import torch

from humpback.config import ModelSettings
from humpback.engines.embeddings import embeddings
from humpback.engines.generating import generate
from humpback.engines.likelihoods import loglikelihoods
from humpback.engines.loaded_model import LoadedModel
from humpback.engines.weight_packing import can_pack, pack_linear_layers
from humpback.errors import EngineError
from humpback.models.device import give_back_memory, pick_device, pick_dtype
from humpback.models.loading import load_template, longest_sequence
from humpback.models.weights import load_network
from humpback.requests import Completion, Embedding, EmbeddingRequest, Likelihood, LikelihoodRequest, Request

_WINDOW = 256
"""Requests that are sorted by length together: also the most that are held at a time."""

_AnyRequest = TypeVar("_AnyRequest", Request, LikelihoodRequest, EmbeddingRequest)


class TransformersEngine:
    """Answers requests with one model folder.

    Args:
        path: Model folder in the Hugging Face layout.
        identity: What to call the model in records.
        settings: Device, dtype and bounds.

    Raises:
        ModelError: The folder does not hold a causal language model.
    """

    def __init__(self, path: Path, identity: str, settings: ModelSettings) -> None:
        self._identity = identity
        device = pick_device(settings.device)
        dtype = pick_dtype(settings.dtype, device)
        trust = settings.trust_remote_code
        self.template = load_template(path, settings)
        # Packed layers round their own weights; all between two products stays float32.
        model = load_network(path, trust=trust, dtype=torch.float32 if can_pack(device) else dtype)
        model.to(device).eval().requires_grad_(False)
        if can_pack(device):
            pack_linear_layers(model, dtype)
        text_config = model.config.get_text_config()
        self._loaded: LoadedModel | None = LoadedModel(
            network=model,
            template=self.template,
            device=device,
            max_tokens=longest_sequence(path, settings),
            batch_tokens=settings.batch_tokens,
            vocabulary=int(text_config.vocab_size),
        )

    @property
    def model(self) -> str:
        """Identity of the model that answers."""
        return self._identity

    def close(self) -> None:
        """Frees the model's memory."""
        on_gpu = self._loaded is not None and self._loaded.device.type == "cuda"
        self._loaded = None
        give_back_memory()
        if on_gpu:
            torch.cuda.empty_cache()

    def generate(self, requests: Iterable[Request]) -> Iterator[Completion]:
        """Continues each conversation."""
        for window in _windows(requests, _WINDOW):
            yield from generate(self._open_model(), window)

    def stream(self, request: Request, show: Callable[[str], None]) -> Completion:
        """Continues one conversation, and shows each piece of the text as soon as it is written.

        Args:
            request: The conversation.
            show: Takes the pieces; what it raises ends the answer.
        """
        loaded, shown_chars = self._open_model(), 0

        def on_tokens(tokens: Sequence[int]) -> None:
            nonlocal shown_chars
            text = loaded.template.decode(tokens)
            if not text.endswith("\ufffd"):  # else a character of which not all bytes are there yet
                show(text[shown_chars:])
                shown_chars = len(text)

        (completion,) = generate(loaded, [request], on_tokens)
        if remainder := completion.text[shown_chars:]:
            show(remainder)
        return completion

    def loglikelihood(self, requests: Iterable[LikelihoodRequest]) -> Iterator[Likelihood]:
        """Computes log-likelihoods without generating."""
        for window in _windows(requests, _WINDOW):
            yield from loglikelihoods(self._open_model(), window)

    def embed(self, requests: Iterable[EmbeddingRequest]) -> Iterator[Embedding]:
        """Reads the beginning of each text up to the middle layer."""
        for window in _windows(requests, _WINDOW):
            yield from embeddings(self._open_model(), window)

    def _open_model(self) -> LoadedModel:
        if self._loaded is None:
            raise EngineError("the engine is closed", "open a new one")
        return self._loaded


def open_model(path: Path, identity: str, settings: ModelSettings) -> TransformersEngine:
    """The model of a folder, in this process."""
    return TransformersEngine(path, identity, settings)


def _windows(requests: Iterable[_AnyRequest], size: int) -> Iterator[list[_AnyRequest]]:
    iterator = iter(requests)
    while window := list(islice(iterator, size)):
        yield window
