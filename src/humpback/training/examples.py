"""Pairs to training examples: prompt and target as tokens, or a reason why there is none.

One path for both directions (paper, section 2.1): only the messages differ. A document in the prompt is cut to make
room, a target never.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from humpback.config import TagSettings, TrainSettings
from humpback.errors import StageError
from humpback.models.template import Example, Template, TooLong
from humpback.prompts import pair_messages
from humpback.records import Direction, Dropped, Pair
from humpback.requests import Message

_SPARE = 31
"""A prompt that had to be cut keeps at least this many tokens more than the one that the template insists on."""

_EXCERPT = 200
_NO_LIMIT = 1 << 40
"""Tokens: more than any prompt has, so that nothing is cut."""


def build_example(
    pair: Pair, direction: Direction, template: Template, tags: TagSettings, max_tokens: int
) -> Example | Dropped:
    """Renders one pair for training, or says why it cannot be trained on.

    Args:
        pair: What to learn from; of a conversation forwards all turns.
        direction: backward learns instruction from response, forward learns response from tagged instruction.
        template: The renderer of the model that is trained.
        tags: S_a and S_w (paper, section 2.2); used forwards only.
        max_tokens: Longest example, prompt and target together.

    Returns:
        The example, or it is dropped as 'no target', 'no source', 'too long' or 'not to be learnt'.
    """
    source, target = pair.instruction, pair.response
    if direction == "backward":
        source, target = target, source
    if not target.strip() or not source.strip():
        reason = "no source" if target.strip() else "no target"
        return Dropped(pair.id, reason, "nothing but white space", pair.source, source[:_EXCERPT])
    if direction == "backward" and not pair.stands_alone:
        return Dropped(pair.id, "not to be learnt", "its response is not", pair.source, source[:_EXCERPT])
    messages = pair_messages(pair, direction, tags, to_last_answer=True)
    if direction == "forward" and pair.later:
        target = pair.later[-1]
    example = _render(messages, target, template, max_tokens)
    if example is None:
        detail = f"no room in {max_tokens} tokens for {len(target)} characters of target"
        return Dropped(pair.id, "too long", detail, pair.source, target[:_EXCERPT])
    return _with_earlier_answers(example, messages, pair.unlearnt, template)


def _with_earlier_answers(
    example: Example, messages: tuple[Message, ...], unlearnt: Sequence[int], template: Template
) -> Example:
    """The example with the loss on the earlier answers of its conversation too, and on the ends of their turns."""
    roles = [message.role for message in messages for _ in message.parts]
    if "assistant" not in roles:
        return example
    bounds = template.prompt_with_bounds(messages, "", _NO_LIMIT).part_bounds
    answers = [part for part, role in zip(bounds, roles, strict=True) if role == "assistant"]
    learnt: list[tuple[int, int]] = []
    for number, (start, end) in enumerate(answers):
        ended = end + len(template.end_ids)
        if number not in unlearnt:
            learnt.append((start, ended if example.ids[end:ended] == template.end_ids else end))
    starts = [start for start, _ in learnt[1:]] + [example.start]
    gaps = tuple((end, start) for (_, end), start in zip(learnt, starts, strict=True)) if learnt else ()
    return Example(example.ids, learnt[0][0] if learnt else example.start, gaps)


def check_dropped(read: int, dropped: Mapping[str, int], direction: Direction, settings: TrainSettings) -> None:
    """Refuses to train on what is left where too much was lost on the way.

    Args:
        read: Pairs that were read.
        dropped: How many of them cannot be trained on, by reason.
        direction: Names the settings in what is raised.
        settings: Of the training.

    Raises:
        StageError: No example is left, or more than `max_dropped_share` of the pairs gave none.
    """
    if read == 0:
        raise StageError(f"the {direction} training has no pairs", "check the seed and the selection")
    count = sum(dropped.values())
    listed = ", ".join(f"{reason} {count}" for reason, count in sorted(dropped.items()))
    lost = f"{count} of {read} pairs cannot be trained on ({listed})"
    if count == read:
        raise StageError(f"{direction}: {lost}", "raise model.max_tokens or check the pairs")
    if count > settings.max_dropped_share * read:
        hint = f"raise model.max_tokens, or {direction}.max_dropped_share to accept it"
        raise StageError(f"{direction}: {lost}", hint)


def _render(messages: tuple[Message, ...], target: str, template: Template, max_tokens: int) -> Example | None:
    try:
        example = template.example(messages, target, max_tokens)
        was_cut = len(example.ids) == max_tokens < len(template.example(messages, target, _NO_LIMIT).ids)
        if was_cut:  # a prompt of which one token is left teaches nothing
            template.example(messages, target, max_tokens - _SPARE)
    except TooLong:
        return None
    return example
