"""The loss of target tokens alone, without the logits of anything else.

TRL scores only the target positions on a GPU; on other devices its fused head scores every position of prompt and
padding too, and computes each tile of logits twice. With a vocabulary of 262,144 that is most of a training on a CPU.
Here the head sees the target positions only, a bounded number at a time, and gives their gradients at once.
"""

from __future__ import annotations

import types
from collections.abc import Iterator
from typing import Any

import torch
from torch.distributed.tensor import DTensor

from humpback.training.cpu.products import product

_LOGIT_CELLS = 128_000_000
"""Most logits at a time: 512 MB in float32."""

_PIECE_CELLS = 1_000_000
"""Most values of a matrix on the way: 4 MB, which a cache holds. What is larger than 32 MiB a C library asks the system
for anew each time, and to clear its pages took as long as the product."""

_UNKNOWN_SCALES = ("logit_scale", "output_multiplier", "lm_head_multiplier", "logits_scaling")
"""Architectures that scale their logits: TRL knows how."""


class _SummedLoss(torch.autograd.Function):
    """Cross entropy of `head(hidden)` against targets, summed; the gradients are made along with the loss."""

    @staticmethod
    def forward(ctx: Any, hidden: Any, weight: Any, bias: Any, targets: Any, softcap: Any, cells: int) -> torch.Tensor:
        with torch.autocast(hidden.device.type, enabled=False):
            total, ctx.grads = _loss_and_gradients(ctx.needs_input_grad, hidden, weight, bias, targets, softcap, cells)
        return total

    @staticmethod
    def backward(ctx: Any, *outer: Any) -> Any:
        grads, ctx.grads = ctx.grads, None  # kept no longer, so that what else has a gradient can be added in place
        return (*(None if grad is None else grad.mul_(outer[0]) for grad in grads), None, None, None)


def _loss_and_gradients(
    needed: Any, hidden: Any, weight: Any, bias: Any, targets: Any, softcap: Any, cells: int
) -> tuple[torch.Tensor, list[Any]]:
    """Loss and gradients of so many rows at a time; products in the dtype of the hidden states."""
    rows = max(1, cells // len(weight))
    kernel = weight.to(hidden.dtype)
    offset = hidden.new_zeros(len(weight)) if bias is None else bias.to(hidden.dtype)
    fresh = torch.empty_like if len(targets) else torch.zeros_like  # the head's is large: not filled to be added to
    of_hidden, of_weight = torch.zeros_like(hidden), fresh(weight) if needed[1] else None
    of_bias = fresh(bias) if needed[2] else None
    total = hidden.new_zeros((), dtype=torch.float32)
    for start in range(0, len(targets), rows):
        part = slice(start, start + rows)
        put = torch.Tensor.add_ if start else torch.Tensor.copy_
        turned = hidden[part].t().contiguous()
        for piece, loss, grad in _tile(hidden[part], kernel, offset, targets[part], softcap):
            total += loss
            of_hidden[part] += product(grad, kernel[piece].t())
            if of_weight is not None:
                put(of_weight[piece], product(turned, grad.t()).t())
            if of_bias is not None:
                put(of_bias[piece], grad.sum(0))
    return total, [of_hidden, of_weight, of_bias]


def _tile(
    hidden: torch.Tensor, kernel: torch.Tensor, offset: torch.Tensor, targets: torch.Tensor, softcap: float | None
) -> Iterator[tuple[slice, torch.Tensor, torch.Tensor]]:
    """Piece after piece of the vocabulary: the loss of targets in it, and its logits' gradient."""
    width = max(1, _PIECE_CELLS // max(hidden.shape))
    pieces = [slice(first, first + width) for first in range(0, len(kernel), width)]
    logits = [_capped(product(hidden, kernel[piece], offset[piece]).float(), softcap) for piece in pieces]
    norms = torch.stack([scores.logsumexp(-1) for scores in logits]).logsumexp(0)
    for piece, scores in zip(pieces, logits, strict=True):
        slope = None if softcap is None else 1 - (scores / softcap).square()
        scores -= norms[:, None]
        (rows,) = torch.where((targets >= piece.start) & (targets < piece.stop))
        at_target = rows, targets[rows] - piece.start
        loss = -scores[at_target].sum()
        grad = scores.exp_()
        grad[at_target] -= 1
        yield piece, loss, (grad if slope is None else grad * slope).to(hidden.dtype)


def _capped(logits: torch.Tensor, softcap: float | None) -> torch.Tensor:
    return logits if softcap is None else torch.tanh(logits / softcap) * softcap


def can_compute(model: Any) -> bool:
    """Whether `target_loss` computes what the model itself would."""
    config = model.config.get_text_config()
    head = model.get_output_embeddings()
    plain = isinstance(head, torch.nn.Linear) and all(getattr(config, name, None) is None for name in _UNKNOWN_SCALES)
    return plain and not getattr(config, "output_router_logits", False)


def target_loss(model: Any, inputs: dict[str, Any], cells: int = _LOGIT_CELLS) -> torch.Tensor:
    """Negative log-likelihood of all tokens with a label, summed.

    Args:
        model: A causal language model without an adapter around it.
        inputs: `input_ids` and `labels` (-100 for no loss), each of shape (batch, length), and what the model wants
            besides. The first token of an example has no label: nothing comes before it.
        cells: Most values of a tile of logits: what bounds the memory.
    """
    head = model.get_output_embeddings()
    weight = _FirstInGraph.apply(head.weight) if getattr(model.get_input_embeddings(), "sparse", False) else None
    model_inputs = {name: value for name, value in inputs.items() if name not in ("labels", "use_cache")}
    states = model.base_model(**model_inputs, use_cache=False).last_hidden_state[:, :-1]
    weight, bias = head.weight if weight is None else weight, head.bias
    if isinstance(weight, DTensor):  # a head that is split over devices
        weight, bias = weight.full_tensor(), None if bias is None else bias.full_tensor()
    labels = inputs["labels"][:, 1:]
    mask = labels != -100
    softcap = getattr(model.config.get_text_config(), "final_logit_softcapping", None)
    loss: torch.Tensor = _SummedLoss.apply(states[mask], weight, bias, labels[mask], softcap, cells)
    return loss


class _FirstInGraph(torch.autograd.Function):
    """The weight itself. It enters the graph before the layers, so that its gradient is passed on after theirs."""

    @staticmethod
    def forward(ctx: Any, weight: Any) -> torch.Tensor:
        same: torch.Tensor = weight.view_as(weight)
        return same

    @staticmethod
    def backward(ctx: Any, *outer: Any) -> Any:
        return outer[0]


def spare_embeddings(model: Any) -> None:
    """Where the head has the embeddings' weight, lets their gradient be the rows that were read, added to the head's.

    Else a second matrix of the whole vocabulary is filled with zeros for each row of examples. The rows have to come
    first (see `_FirstInGraph`): autograd adds a matrix to them in place, but copies one that they are added to. For a
    training in one process: devices share whole gradients.
    """
    embeddings, head = model.get_input_embeddings(), model.get_output_embeddings()
    shared = isinstance(embeddings, torch.nn.Embedding) and getattr(head, "weight", None) is embeddings.weight
    if shared and embeddings.weight.device.type == "cpu":
        embeddings.sparse = True


def add_target_loss(model: Any) -> None:
    """Lets `model(..., summed_loss=True)` give `target_loss`.

    The loss has to be computed inside the model's own forward pass: what is around it (adapters, gradients that are
    shared between devices, weights that are split over them) does its work before and after.
    """
    forward = model.forward

    def with_loss(self: Any, *args: Any, summed_loss: bool = False, **kwargs: Any) -> Any:
        return target_loss(self, kwargs) if summed_loss else forward(*args, **kwargs)

    with_loss.__wrapped__ = type(model).forward  # type: ignore[attr-defined]  # its signature is looked at
    model.forward = types.MethodType(with_loss, model)
