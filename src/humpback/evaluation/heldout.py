"""Held-out likelihood: how well a model predicts human pairs that no model was trained on."""

from __future__ import annotations

from collections.abc import Sequence

from humpback.config import TagSettings
from humpback.engines.base import Engine
from humpback.prompts import pair_messages
from humpback.records import Direction, Dropped, HeldOutLoss, Outcome, Pair, Usage
from humpback.requests import LikelihoodRequest


def heldout_losses(
    pairs: Sequence[Pair], engine: Engine, model: str, direction: Direction, tags: TagSettings
) -> Outcome[HeldOutLoss]:
    """The loss of one model on each pair, end of the turn included, under the prompt it would be trained on.

    Args:
        pairs: Held-out seed pairs.
        engine: Engine of the model.
        model: What to call the model in the records.
        direction: Which side is predicted from the other.
        tags: A seed pair carries S_a, for every model alike.

    Returns:
        One record a pair; pairs that do not fit are dropped as 'too long'.
    """
    losses: dict[str, HeldOutLoss] = {}
    errors: dict[str, str] = {}
    prompt_tokens = 0
    for answer in engine.loglikelihood([_request(pair, direction, tags) for pair in pairs]):
        prompt_tokens += answer.prompt_tokens
        if answer.error:
            errors[answer.id] = answer.error
        else:
            losses[answer.id] = HeldOutLoss(answer.id, model, direction, -answer.log_probabilities[0], answer.tokens[0])
    return Outcome(
        tuple(losses[pair.id] for pair in pairs if pair.id in losses),
        tuple(
            Dropped(pair.id, "too long", errors.get(pair.id, "no answer"), pair.source, pair.instruction[:200])
            for pair in pairs
            if pair.id not in losses
        ),
        len(pairs),
        Usage(prompt_tokens, 0),
    )


def _request(pair: Pair, direction: Direction, tags: TagSettings) -> LikelihoodRequest:
    target = pair.instruction if direction == "backward" else pair.response
    return LikelihoodRequest(pair.id, pair_messages(pair, direction, tags), (target,), ends=True)
