"""The embedded engine: a causal language model in this process, on the CPU or on one GPU.

Requests are taken in windows, sorted by length and run in batches that a token budget bounds. Decoding is a loop of
ours because `generate` has one random state for a whole batch: here each request draws from its own seed, and a row
leaves the batch as soon as it ends. Nothing larger than the logits of the positions that are asked for is built.
"""

from __future__ import annotations

import copy
import gc
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, DynamicCache

from humpback.config import ModelSettings
from humpback.engines.sampling import Row, draw
from humpback.errors import EngineError, ModelError
from humpback.models import without_bars
from humpback.records import Completion, Likelihood, LikelihoodRequest, Request
from humpback.template import Template, TooLong, check_template, common_prefix

_WINDOW = 256
"""Requests that are sorted by length together: also the most that are held at a time."""

_LOGIT_CELLS = 250_000_000
"""Most values of logits in one batch: 1 GB in float32, so that a vocabulary of 262,144 does not decide the memory."""

_MAX_ROWS = 64

_WORTH_SHARING = 32
"""Tokens that prompts must have in common before they are computed once for all."""


_Ask = TypeVar("_Ask", Request, LikelihoodRequest)


@dataclass(frozen=True, slots=True)
class _Scored:
    """One sequence whose last `targets` tokens are to be scored."""

    ids: tuple[int, ...]
    targets: int
    request: int
    continuation: int


@dataclass(frozen=True, slots=True)
class _Head:
    """One prompt behind which single tokens are to be scored."""

    ids: tuple[int, ...]
    request: int
    choices: tuple[int, ...]


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
        self._device = pick_device(settings.device)
        dtype = pick_dtype(settings.dtype, self._device)
        trust = settings.trust_remote_code
        try:
            tokenizer = AutoTokenizer.from_pretrained(path, trust_remote_code=trust)
            with without_bars():
                model = AutoModelForCausalLM.from_pretrained(
                    path, dtype=dtype, trust_remote_code=trust, use_safetensors=None if trust else True
                )
        except (OSError, ValueError, KeyError) as error:
            first = (str(error).splitlines() or [""])[0]
            raise ModelError(f"{path} cannot be loaded ({first})", "check model.name") from None
        self._model = model.to(self._device).eval()
        self.template = Template(tokenizer)
        check_template(path, self.template)
        limit = getattr(model.config.get_text_config(), "max_position_embeddings", None) or settings.max_tokens
        self._max_tokens = min(settings.max_tokens, int(limit))
        self._batch_tokens = settings.batch_tokens
        self._vocabulary = int(model.config.get_text_config().vocab_size)

    @property
    def model(self) -> str:
        """Identity of the model that answers."""
        return self._identity

    def close(self) -> None:
        """Frees the model's memory."""
        self._model = None
        gc.collect()
        if self._device.type == "cuda":
            torch.cuda.empty_cache()

    def generate(self, requests: Iterable[Request]) -> Iterator[Completion]:
        """Continues each conversation; rows of similar length share a batch."""
        for window in _windows(requests, _WINDOW):
            rows = []
            for request in window:
                room = self._max_tokens - request.sampling.max_new_tokens
                try:
                    ids = self.template.prompt(request.messages, request.answer_prefix, room)
                except TooLong as error:
                    yield Completion(request.id, "", "error", 0, 0, 0.0, str(error))
                    continue
                rows.append(Row(ids, request.id, request.sampling, random.Random(request.sampling.seed)))  # noqa: S311
            rows.sort(key=lambda row: len(row.ids) + row.sampling.max_new_tokens)
            for batch in self._batches(rows, [len(r.ids) + r.sampling.max_new_tokens for r in rows], [1] * len(rows)):
                yield from self._decode(batch)

    def loglikelihood(self, requests: Iterable[LikelihoodRequest]) -> Iterator[Likelihood]:
        """Scores continuations; those of one token each share a single forward pass."""
        for window in _windows(requests, _WINDOW):
            answers: list[list[float]] = [[0.0] * len(request.continuations) for request in window]
            counts: list[list[int]] = [[0] * len(request.continuations) for request in window]
            errors: dict[int, str] = {}
            asked: list[_Scored] = []
            heads: list[_Head] = []
            read = [0] * len(window)
            for index, request in enumerate(window):
                try:
                    prompt, targets = self._continuations(request)
                except TooLong as error:
                    errors[index] = str(error)
                    continue
                read[index] = len(prompt) + sum(map(len, targets))
                counts[index] = [len(target) for target in targets]
                if all(len(target) == 1 for target in targets):
                    heads.append(_Head(prompt, index, tuple(target[0] for target in targets)))
                else:
                    asked += [_Scored((*prompt, *t), len(t), index, k) for k, t in enumerate(targets)]
            self._score_heads(heads, answers)
            self._score_sequences(asked, answers)
            for index, request in enumerate(window):
                if index in errors:
                    yield Likelihood(request.id, error=errors[index])
                else:
                    yield Likelihood(request.id, tuple(answers[index]), tuple(counts[index]), read[index])

    def _continuations(self, request: LikelihoodRequest) -> tuple[tuple[int, ...], list[tuple[int, ...]]]:
        shared, targets = self.template.continuations(request.answer_prefix, request.continuations, request.ends)
        if not targets or not all(targets):
            raise TooLong("nothing to score", "give continuations that are not empty")
        room = self._max_tokens - len(shared) - max(map(len, targets))
        return (*self.template.prompt(request.messages, "", room), *shared), targets

    def _score_heads(self, heads: list[_Head], answers: list[list[float]]) -> None:
        """Reads one position of each prompt; what all prompts begin with (the rubric) is computed once."""
        if not heads:
            return
        shared = min(len(common_prefix([head.ids for head in heads])), min(len(head.ids) for head in heads) - 1)
        prefix = self._prefix(heads[0].ids[:shared]) if len(heads) > 1 and shared >= _WORTH_SHARING else None
        skip = shared if prefix is not None else 0
        heads.sort(key=lambda head: len(head.ids))
        for batch in self._batches(heads, [len(head.ids) for head in heads], [1] * len(heads)):
            logits = self._last_logits([head.ids[skip:] for head in batch], prefix, skip)
            normaliser = logits.logsumexp(-1)
            for row, head in enumerate(batch):
                answers[head.request] = (logits[row, list(head.choices)] - normaliser[row]).tolist()

    @torch.inference_mode()
    def _prefix(self, ids: tuple[int, ...]) -> DynamicCache:
        """Keys and values of tokens that many prompts begin with."""
        cache = DynamicCache(config=self._open().config)
        tokens = torch.tensor([ids], device=self._device)
        self._call(input_ids=tokens, past_key_values=cache, use_cache=True, logits_to_keep=1)
        return cache

    @torch.inference_mode()
    def _last_logits(self, rows: list[tuple[int, ...]], prefix: DynamicCache | None, skip: int) -> torch.Tensor:
        """Logits behind the last token of each row, of shape (rows, vocabulary).

        Rows are filled up on the right, where causal attention never looks: positions and windows stay what they are
        without a batch. The head sees the last position of each row alone.
        """
        model = self._open()
        lengths = torch.tensor([len(row) for row in rows], device=self._device)
        width = int(lengths.max())
        pad = self.template.pad_id
        ids = torch.tensor([[*row, *[pad] * (width - len(row))] for row in rows], device=self._device)
        mask = (torch.arange(skip + width, device=self._device)[None] < (skip + lengths)[:, None]).long()
        inputs: dict[str, object] = {"input_ids": ids, "attention_mask": mask, "use_cache": False}
        if prefix is not None:
            cache = copy.deepcopy(prefix)
            cache.batch_repeat_interleave(len(rows))
            inputs |= {"past_key_values": cache, "use_cache": True}
        found: list[torch.Tensor] = []

        def keep(module: object, args: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor]:
            found.append(args[0][torch.arange(len(rows), device=self._device), lengths - 1][:, None])
            return (found[-1],)

        # A hook in front of the head keeps one position a row; whatever the model does behind it stays its own affair.
        hook = model.get_output_embeddings().register_forward_pre_hook(keep)
        try:
            return self._call(**inputs)[:, -1].float()
        finally:
            hook.remove()

    def _score_sequences(self, asked: list[_Scored], answers: list[list[float]]) -> None:
        asked.sort(key=lambda item: (item.targets, len(item.ids)))
        for batch in self._batches(asked, [len(a.ids) for a in asked], [a.targets + 1 for a in asked]):
            keep = max(item.targets for item in batch) + 1
            logits = self._forward([item.ids for item in batch], keep=keep)[:, :-1]
            for row, item in enumerate(batch):
                own = logits[row, keep - 1 - item.targets :].float()
                target = torch.tensor(item.ids[-item.targets :], device=own.device)
                picked = own.gather(1, target[:, None])[:, 0] - own.logsumexp(-1)
                answers[item.request][item.continuation] = float(picked.sum())

    def _batches(self, items: list[_Item], lengths: list[int], logits: list[int]) -> Iterator[list[_Item]]:
        """Cuts items into batches whose padded tokens, logits and rows stay within bounds."""
        start = longest = positions = 0
        for end, length in enumerate(lengths):
            rows = end - start + 1
            longest, positions = max(longest, length), max(positions, logits[end])
            full = rows * longest > self._batch_tokens or rows * positions * self._vocabulary > _LOGIT_CELLS
            if rows > 1 and (full or rows > _MAX_ROWS):
                yield items[start:end]
                start, longest, positions = end, length, logits[end]
        if items[start:]:
            yield items[start:]

    def _padded(self, rows: Sequence[Sequence[int]]) -> tuple[torch.Tensor, torch.Tensor]:
        width = max(map(len, rows))
        pad = self.template.pad_id
        ids = torch.tensor([[pad] * (width - len(row)) + list(row) for row in rows], device=self._device)
        mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows], device=self._device)
        return ids, mask

    def _open(self) -> Any:
        if self._model is None:
            raise EngineError("the engine is closed", "open a new one")
        return self._model

    def _call(self, **inputs: object) -> torch.Tensor:
        try:
            logits: torch.Tensor = self._open()(**inputs).logits
        except (torch.OutOfMemoryError, MemoryError) as error:
            raise EngineError(f"out of memory ({error})", "lower model.batch_tokens or model.max_tokens") from None
        return logits

    @torch.inference_mode()
    def _forward(self, rows: Sequence[Sequence[int]], keep: int) -> torch.Tensor:
        ids, mask = self._padded(rows)
        return self._call(
            input_ids=ids, attention_mask=mask, position_ids=_positions(mask), logits_to_keep=keep, use_cache=False
        )

    @torch.inference_mode()
    def _decode(self, rows: list[Row]) -> Iterator[Completion]:
        ids, mask = self._padded([row.ids for row in rows])
        cache = DynamicCache(config=self._open().config)
        positions = _positions(mask)
        stop = set(self.template.stop_ids)
        while rows:
            logits = self._call(
                input_ids=ids, attention_mask=mask, position_ids=positions, past_key_values=cache,
                logits_to_keep=1, use_cache=True,
            )[:, -1].float()  # fmt: skip
            tokens = draw(logits, rows)
            going = []
            for index, (row, token) in enumerate(zip(rows, tokens, strict=True)):
                row.written.append(token)
                if token in stop:
                    yield row.completion(self.template, "stop")
                elif len(row.written) == row.sampling.max_new_tokens:
                    yield row.completion(self.template, "length")
                else:
                    going.append(index)
            if len(going) < len(rows):
                kept = torch.tensor(going, device=self._device, dtype=torch.long)
                if going:
                    cache.batch_select_indices(kept)
                rows, mask, positions = [rows[i] for i in going], mask[kept], positions[kept]
            ids = torch.tensor([[row.written[-1]] for row in rows], device=self._device)
            mask = torch.cat([mask, mask.new_ones(len(rows), 1)], dim=1)
            positions = positions[:, -1:] + 1


_Item = TypeVar("_Item")


def pick_device(name: str) -> torch.device:
    """The device that a setting means; 'auto' takes a GPU if there is one.

    Raises:
        EngineError: The device is asked for and not there.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    if (name == "cuda" and not torch.cuda.is_available()) or (name == "mps" and not torch.backends.mps.is_available()):
        raise EngineError(f"model.device is {name}, which this machine does not have", "set it to auto")
    return torch.device(name)


def pick_dtype(name: str, device: torch.device) -> torch.dtype:
    """bfloat16 where a GPU computes in it, float32 elsewhere, unless a setting says so."""
    if name != "auto":
        return torch.bfloat16 if name == "bfloat16" else torch.float32
    fast = device.type == "cuda" and torch.cuda.is_bf16_supported()
    return torch.bfloat16 if fast else torch.float32


def _windows(requests: Iterable[_Ask], size: int) -> Iterator[list[_Ask]]:
    iterator = iter(requests)
    while window := list(islice(iterator, size)):
        yield window


def _positions(mask: torch.Tensor) -> torch.Tensor:
    return (mask.cumsum(-1) - 1).clamp(min=0)
