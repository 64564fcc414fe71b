"""The loss of target tokens alone, without the logits of anything else.

TRL scores only the target positions on a GPU; on other devices its fused head scores every position of prompt and
padding too, and computes each tile of logits twice. With a vocabulary of 262,144 that is most of a training on a CPU.
Here the head sees the target positions only, a bounded number at a time, and each tile gives its gradient at once.
"""

from __future__ import annotations

import types
from typing import Any

import torch
from torch.distributed.tensor import DTensor
from torch.nn import functional

_LOGIT_CELLS = 64_000_000
"""Most values of one tile of logits: 256 MB in float32."""

_UNKNOWN_SCALES = ("logit_scale", "output_multiplier", "lm_head_multiplier", "logits_scaling")
"""Architectures that scale their logits: TRL knows how."""


class _SummedLoss(torch.autograd.Function):
    """Cross entropy of `head(hidden)` against targets, summed; the gradients are made along with the loss."""

    @staticmethod
    def forward(ctx: Any, hidden: Any, weight: Any, bias: Any, targets: Any, softcap: Any, cells: int) -> torch.Tensor:
        with torch.autocast(hidden.device.type, enabled=False):
            total, ctx.grads = _in_tiles(ctx.needs_input_grad, hidden, weight, bias, targets, softcap, cells)
        return total

    @staticmethod
    def backward(ctx: Any, *outer: Any) -> Any:
        grads = [None if grad is None else grad.mul_(outer[0]) for grad in ctx.grads]
        return (*grads, *[None] * (6 - len(grads)))


def _in_tiles(
    needed: Any, hidden: Any, weight: Any, bias: Any, targets: Any, softcap: Any, cells: int
) -> tuple[torch.Tensor, list[Any]]:
    """Loss and gradients, so many rows of logits at a time; products in the dtype of the hidden states."""
    rows = max(1, cells // weight.shape[0])
    inputs = [hidden, weight] if bias is None else [hidden, weight, bias]
    later = 1 if len(targets) else -1  # the head's gradient is large: it is not filled with zeros only to be added to
    grads: list[Any] = [
        torch.zeros_like(tensor) if need and number != later else None
        for number, (tensor, need) in enumerate(zip(inputs, needed, strict=False))
    ]
    kernel = weight.to(hidden.dtype)
    offset = None if bias is None else bias.to(hidden.dtype)
    total = hidden.new_zeros((), dtype=torch.float32)
    for start in range(0, len(targets), rows):
        part = slice(start, start + rows)
        logits = functional.linear(hidden[part], kernel, offset)
        slope = None
        if softcap is not None:
            logits = torch.tanh(logits / softcap)
            slope = 1 - logits.square()
            logits = logits * softcap
        scores = functional.log_softmax(logits.float(), -1)
        total -= scores.gather(1, targets[part, None]).sum()
        grad = scores.exp_()
        grad[torch.arange(len(grad), device=grad.device), targets[part]] -= 1
        grad = (grad if slope is None else grad * slope).to(hidden.dtype)
        if grads[0] is not None:
            grads[0][part] = grad @ kernel
        if needed[1] and grads[1] is None:
            grads[1] = (grad.t() @ hidden[part]).to(weight.dtype)
        elif needed[1] and weight.dtype == hidden.dtype:
            grads[1].addmm_(grad.t(), hidden[part])
        elif needed[1]:
            grads[1] += grad.t() @ hidden[part]
        if len(grads) > 2 and grads[2] is not None:
            grads[2] += grad.sum(0)
    return total, grads


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
    others = {name: value for name, value in inputs.items() if name not in ("labels", "use_cache")}
    states = model.base_model(**others, use_cache=False).last_hidden_state[:, :-1]
    labels = inputs["labels"][:, 1:]
    mask = labels != -100
    head = model.get_output_embeddings()
    weight, bias = head.weight, head.bias
    if isinstance(weight, DTensor):  # a head that is split over devices
        weight, bias = weight.full_tensor(), None if bias is None else bias.full_tensor()
    softcap = getattr(model.config.get_text_config(), "final_logit_softcapping", None)
    loss: torch.Tensor = _SummedLoss.apply(states[mask], weight, bias, labels[mask], softcap, cells)
    return loss


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
