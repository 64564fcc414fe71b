"""Reading without writing: how likely a model finds what stands there, of many requests at a time.

Nothing larger than the logits of the positions that are asked for is built, and what all prompts begin with (a rubric)
is computed once.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from transformers import DynamicCache

from humpback.engines.loaded import Loaded, positions_of
from humpback.records import Likelihood, LikelihoodRequest
from humpback.template import TooLong, common_prefix

_WORTH_SHARING = 32
"""Tokens that prompts must have in common before they are computed once for all."""


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


def read(loaded: Loaded, requests: Sequence[LikelihoodRequest]) -> list[Likelihood]:
    """Scores the continuations of one window; those of one token each share a single forward pass."""
    answers: list[list[float]] = [[0.0] * len(request.continuations) for request in requests]
    counts: list[list[int]] = [[0] * len(request.continuations) for request in requests]
    errors: dict[int, str] = {}
    asked: list[_Scored] = []
    heads: list[_Head] = []
    tokens = [0] * len(requests)
    for index, request in enumerate(requests):
        try:
            prompt, targets = _continuations(loaded, request)
        except TooLong as error:
            errors[index] = str(error)
            continue
        tokens[index] = len(prompt) + sum(map(len, targets))
        counts[index] = [len(target) for target in targets]
        if all(len(target) == 1 for target in targets):
            heads.append(_Head(prompt, index, tuple(target[0] for target in targets)))
        else:
            asked += [_Scored((*prompt, *t), len(t), index, k) for k, t in enumerate(targets)]
    _score_heads(loaded, heads, answers)
    _score_sequences(loaded, asked, answers)
    return [
        Likelihood(request.id, error=errors[index])
        if index in errors
        else Likelihood(request.id, tuple(answers[index]), tuple(counts[index]), tokens[index])
        for index, request in enumerate(requests)
    ]


def _continuations(loaded: Loaded, request: LikelihoodRequest) -> tuple[tuple[int, ...], list[tuple[int, ...]]]:
    shared, targets = loaded.template.continuations(request.answer_prefix, request.continuations, request.ends)
    if not targets or not all(targets):
        raise TooLong("nothing to score", "give continuations that are not empty")
    room = loaded.max_tokens - len(shared) - max(map(len, targets))
    return (*loaded.template.prompt(request.messages, "", room), *shared), targets


def _score_heads(loaded: Loaded, heads: list[_Head], answers: list[list[float]]) -> None:
    """Reads one position of each prompt; what all prompts begin with (the rubric) is computed once."""
    if not heads:
        return
    shared = min(len(common_prefix([head.ids for head in heads])), min(len(head.ids) for head in heads) - 1)
    prefix = _prefix(loaded, heads[0].ids[:shared]) if len(heads) > 1 and shared >= _WORTH_SHARING else None
    skip = shared if prefix is not None else 0
    heads.sort(key=lambda head: len(head.ids))
    for batch in loaded.batches(heads, [len(head.ids) for head in heads], [1] * len(heads)):
        logits = _last_logits(loaded, [head.ids[skip:] for head in batch], prefix, skip)
        normaliser = logits.logsumexp(-1)
        for row, head in enumerate(batch):
            answers[head.request] = (logits[row, list(head.choices)] - normaliser[row]).tolist()


@torch.inference_mode()
def _prefix(loaded: Loaded, ids: tuple[int, ...]) -> DynamicCache:
    """Keys and values of tokens that many prompts begin with."""
    cache = DynamicCache(config=loaded.network.config)
    tokens = torch.tensor([ids], device=loaded.device)
    loaded.call(input_ids=tokens, past_key_values=cache, use_cache=True, logits_to_keep=1)
    return cache


@torch.inference_mode()
def _last_logits(loaded: Loaded, rows: list[tuple[int, ...]], prefix: DynamicCache | None, skip: int) -> torch.Tensor:
    """Logits behind the last token of each row, of shape (rows, vocabulary).

    Rows are filled up on the right, where causal attention never looks: positions and windows stay what they are
    without a batch. The head sees the last position of each row alone.
    """
    lengths = torch.tensor([len(row) for row in rows], device=loaded.device)
    width = int(lengths.max())
    pad = loaded.template.pad_id
    ids = torch.tensor([[*row, *[pad] * (width - len(row))] for row in rows], device=loaded.device)
    mask = (torch.arange(skip + width, device=loaded.device)[None] < (skip + lengths)[:, None]).long()
    inputs: dict[str, object] = {"input_ids": ids, "attention_mask": mask, "use_cache": False}
    if prefix is not None:
        cache = copy.deepcopy(prefix)
        cache.batch_repeat_interleave(len(rows))
        inputs |= {"past_key_values": cache, "use_cache": True}
    found: list[torch.Tensor] = []

    def keep(module: object, args: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor]:
        found.append(args[0][torch.arange(len(rows), device=loaded.device), lengths - 1][:, None])
        return (found[-1],)

    # A hook in front of the head keeps one position a row; whatever the model does behind it stays its own affair.
    hook = loaded.network.get_output_embeddings().register_forward_pre_hook(keep)
    try:
        return loaded.call(**inputs)[:, -1].float()
    finally:
        hook.remove()


def _score_sequences(loaded: Loaded, asked: list[_Scored], answers: list[list[float]]) -> None:
    asked.sort(key=lambda item: (item.targets, len(item.ids)))
    for batch in loaded.batches(asked, [len(a.ids) for a in asked], [a.targets + 1 for a in asked]):
        keep = max(item.targets for item in batch) + 1
        logits = _forward(loaded, [item.ids for item in batch], keep)[:, :-1]
        for row, item in enumerate(batch):
            own = logits[row, keep - 1 - item.targets :].float()
            target = torch.tensor(item.ids[-item.targets :], device=own.device)
            picked = own.gather(1, target[:, None])[:, 0] - own.logsumexp(-1)
            answers[item.request][item.continuation] = float(picked.sum())


@torch.inference_mode()
def _forward(loaded: Loaded, rows: Sequence[Sequence[int]], keep: int) -> torch.Tensor:
    ids, mask = loaded.padded(rows)
    return loaded.call(
        input_ids=ids, attention_mask=mask, position_ids=positions_of(mask), logits_to_keep=keep, use_cache=False
    )
