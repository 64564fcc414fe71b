"""Conversations to tokens: the one renderer for training, augmentation, curation and evaluation.

A model's own chat template is used where it has one, a plain one of ours where it has none; either way it is a Jinja
template that is saved with every checkpoint, so that reader and writer cannot disagree. Control tokens come from the
template alone: each part of a message is tokenised by itself as plain text, so that a document which holds
`<|im_end|>` or `<eos>` cannot end its own turn.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING

from humpback.errors import HumpbackError, ModelError, in_one_line
from humpback.records import Message, Role, content_id

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

VERSION = "1"
"""Part of a template's identity: raised whenever the same conversation would be tokenised otherwise."""

MODEL_RECORD = "humpback.json"
"""The file in which a finetuned model's folder says how it was trained and with which template."""

PLAIN = (
    "{{ bos_token }}{% for message in messages %}"
    "{% if message['role'] == 'assistant' %}### Answer\n{{ message['content'] }}{{ eos_token }}"
    "{% else %}### Request\n{{ message['content'] }}\n\n{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}### Answer\n{% endif %}"
)
"""For base models without a chat template. The end of a turn is a control token here too."""


_CACHED_TEXTS = 64
"""Texts whose tokens are cached. A prompt's own text comes with every record, so that it always stays among them."""

_CHARS_PER_TOKEN = 16
"""Of a text of which only the first tokens are read, so many characters for each token are looked at."""


class TooLong(HumpbackError):
    """A conversation does not fit, even with everything cut that may be cut."""


@dataclass(frozen=True, slots=True)
class Example:
    """A conversation with its answer, as tokens.

    Attributes:
        ids: All tokens, the prompt first, the end of the turn last.
        start: Where the target begins: `ids[start:]` carries the loss.
    """

    ids: tuple[int, ...]
    start: int


@dataclass(frozen=True, slots=True)
class PromptTokens:
    """A prompt as tokens, with the bounds of its parts.

    Attributes:
        ids: All tokens.
        part_bounds: For each part of each message, the index of its first token and of the one behind its last.
    """

    ids: tuple[int, ...]
    part_bounds: tuple[tuple[int, int], ...]


class Template:
    """Renders conversations for one tokenizer.

    Args:
        tokenizer: A fast tokenizer; its `chat_template` is set to the plain one where it has none.

    Raises:
        ModelError: The tokenizer has no end of sequence, or its template hides what it is given.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        self._tokenizer = tokenizer
        if tokenizer.eos_token_id is None:
            raise ModelError("the tokenizer has no end-of-sequence token", "take a model that has one")
        if not tokenizer.chat_template:
            tokenizer.chat_template = PLAIN
        self._text = lru_cache(_CACHED_TEXTS)(self._text_tokens)
        self._control = lru_cache(_CACHED_TEXTS)(self._control_tokens)
        self._control_texts = lru_cache(_CACHED_TEXTS)(self._render_control_texts)

    @cached_property
    def identity(self) -> str:
        """What is saved with a checkpoint and compared when it is loaded."""
        return content_id(VERSION, str(self._tokenizer.chat_template))

    @cached_property
    def end_ids(self) -> tuple[int, ...]:
        """The tokens that end an assistant's turn: trained on as the last labels, and stopped at."""
        _, tail = self._control_texts(("user",))
        ids: list[int] = self._tokenizer(tail, add_special_tokens=False).input_ids
        special = set(self._tokenizer.all_special_ids)
        for index, token in enumerate(ids):
            if token in special:
                return tuple(ids[: index + 1])
        return (int(self._tokenizer.eos_token_id),)

    @cached_property
    def stop_ids(self) -> tuple[int, ...]:
        """Any of these tokens ends a generation."""
        return tuple(dict.fromkeys((self.end_ids[-1], int(self._tokenizer.eos_token_id))))

    @property
    def pad_id(self) -> int:
        """The token that fills batches; never looked at, so the end of sequence will do."""
        pad = self._tokenizer.pad_token_id
        return int(self._tokenizer.eos_token_id if pad is None else pad)

    def prompt(self, messages: Sequence[Message], answer_prefix: str, max_tokens: int) -> tuple[int, ...]:
        """The conversation up to where the assistant is to go on.

        Args:
            messages: The turns so far; a last one of the assistant's is gone on with.
            answer_prefix: How the assistant's turn begins.
            max_tokens: Longest prompt. To fit, parts marked `cut` are shortened at their end, the longest first.

        Raises:
            TooLong: It does not fit even so.
        """
        return self.prompt_with_bounds(messages, answer_prefix, max_tokens).ids

    def prompt_with_bounds(self, messages: Sequence[Message], answer_prefix: str, max_tokens: int) -> PromptTokens:
        """As `prompt`, with the bounds of its parts. Without messages the prefix is a plain text, read alone."""
        prefix = self._text(answer_prefix)
        if not messages:
            over = len(self._begin_ids) + len(prefix) - max_tokens
            if over > 0:
                raise TooLong(f"the text is {over} tokens too long", "raise model.max_tokens or shorten the input")
            return PromptTokens((*self._begin_ids, *prefix), ())
        fitted = self._fit(messages, max_tokens - len(prefix))
        return PromptTokens((*fitted.ids, *prefix), fitted.part_bounds)

    def tokens_of_span(self, text: str, start: int, end: int | None) -> range:
        """Which tokens of a part hold characters from `start` up to `end`."""
        if start == 0 and end is None:
            return range(len(self._text(text)))
        encoding = self._tokenizer(
            text, add_special_tokens=False, split_special_tokens=True, return_offsets_mapping=True
        )  # fmt: skip
        last = len(text) if end is None else end
        inside = [i for i, (a, b) in enumerate(encoding.offset_mapping) if max(a, start) < min(b, last)]
        return range(inside[0], inside[-1] + 1) if inside else range(0)

    def example(self, messages: Sequence[Message], answer: str, max_tokens: int) -> Example:
        """The conversation with its answer; the prompt is cut to make room, the answer never.

        Raises:
            TooLong: The answer leaves no room for the prompt.
        """
        target = (*self._text(answer), *self.end_ids)
        prompt = self._fit(messages, max_tokens - len(target)).ids
        return Example((*prompt, *target), len(prompt))

    def continuations(
        self, prefix: str, texts: Sequence[str], ends: bool
    ) -> tuple[tuple[int, ...], list[tuple[int, ...]]]:
        """The tokens that all `prefix + text` share, and those that each adds.

        Prefix and text are tokenised together, so that 'Score: ' followed by '4' is read as the model would write it.
        """
        sequences = [(*self._text(prefix + text), *(self.end_ids if ends else ())) for text in texts]
        shared = common_prefix([self._text(prefix), *sequences]) if prefix else ()
        return shared, [sequence[len(shared) :] for sequence in sequences]

    def plain_text(self, text: str, max_tokens: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """What stands before a text that is read without a conversation, and the text's own first tokens.

        Before it stands a begin-of-text token where the tokenizer puts one there, else nothing.
        """
        return self._begin_ids, self._text_tokens(text[: max_tokens * _CHARS_PER_TOKEN])[:max_tokens]

    @cached_property
    def _begin_ids(self) -> tuple[int, ...]:
        begin = self._tokenizer.bos_token_id
        return (int(begin),) if begin is not None and begin in self._tokenizer("").input_ids else ()

    def decode(self, ids: Sequence[int]) -> str:
        """The text of generated tokens, control tokens left out."""
        text = self._tokenizer.decode(list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return str(text)

    def tokens(self, ids: Sequence[int]) -> list[str]:
        """Each token as its own text, for people to look at."""
        return [str(self._tokenizer.decode([token])) for token in ids]

    def _text_tokens(self, text: str) -> tuple[int, ...]:
        if not text:
            return ()
        return tuple(self._tokenizer(text, add_special_tokens=False, split_special_tokens=True).input_ids)

    def _control_tokens(self, text: str) -> tuple[int, ...]:
        return tuple(self._tokenizer(text, add_special_tokens=False).input_ids) if text else ()

    def _render_control_texts(self, roles: tuple[Role, ...]) -> tuple[tuple[str, ...], str]:
        """The template's own text before each message and before the answer; and what follows the answer.

        Where the last message is the assistant's it is the answer.
        """
        if roles[-1] != "assistant":
            roles = (*roles, "assistant")
        # Marks of private-use characters, which no template changes; tokenised is only what stands between them.
        marks = [f"\ue000{index}\ue001" for index in range(len(roles))]
        turns = [{"role": role, "content": mark} for role, mark in zip(roles, marks, strict=True)]
        try:
            rendered = str(self._tokenizer.apply_chat_template(turns, tokenize=False))
        except Exception as error:  # the template is code of strangers, which may raise anything
            raise ModelError(
                f"the model's chat template cannot be rendered ({in_one_line(error)})", "take another model"
            ) from None
        before = []
        for mark in marks:
            head, separator, rendered = rendered.partition(mark)
            if not separator:
                raise ModelError("the model's chat template does not show every message", "take another model")
            before.append(head)
        return tuple(before), rendered

    def _fit(self, messages: Sequence[Message], max_tokens: int) -> PromptTokens:
        before, _ = self._control_texts(tuple(message.role for message in messages))
        pieces: list[tuple[int, ...]] = []
        cuttable: list[int] = []
        texts: list[int] = []
        for control, message in zip(before, messages, strict=False):
            pieces.append(self._control(control))
            for part in message.parts:
                if part.cut:
                    cuttable.append(len(pieces))
                texts.append(len(pieces))
                pieces.append(self._text(part.text))
        if len(before) > len(messages):
            pieces.append(self._control(before[-1]))
        over = sum(map(len, pieces)) - max_tokens
        # The longest first: a document loses its end before a short instruction loses a word.
        for index in sorted(cuttable, key=lambda i: -len(pieces[i])):
            if over <= 0:
                break
            length = max(1, len(pieces[index]) - over)
            over -= len(pieces[index]) - length
            pieces[index] = pieces[index][:length]
        if over > 0:
            raise TooLong(f"the prompt is {over} tokens too long", "raise model.max_tokens or shorten the input")
        starts = [0, *accumulate(map(len, pieces))]
        return PromptTokens(
            tuple(token for piece in pieces for token in piece),
            tuple((starts[index], starts[index + 1]) for index in texts),
        )


def common_prefix(sequences: Sequence[Sequence[int]]) -> tuple[int, ...]:
    """The tokens that all sequences begin with."""
    shared = []
    for tokens in zip(*sequences, strict=False):
        if len(set(tokens)) > 1:
            break
        shared.append(tokens[0])
    return tuple(shared)


def check_template(path: Path, template: Template) -> None:
    """Refuses a finetuned model that was trained with another template than the one that would be used.

    A folder without `humpback.json` is a base model: nothing to compare.

    Raises:
        ModelError: The templates differ, or the folder's own record cannot be read.
    """
    file = path / MODEL_RECORD
    if not file.exists():
        return
    try:
        saved = json.loads(file.read_text(encoding="utf-8"))["template"]
    except (OSError, ValueError, KeyError, TypeError):
        raise ModelError(f"{file} is damaged", "train the model again") from None
    if saved != template.identity:
        raise ModelError(
            f"{path} was trained with another chat template", "restore its chat_template.jinja, or train it again"
        )
