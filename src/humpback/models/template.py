"""Conversations to tokens: the one renderer for training, augmentation, curation and evaluation.

A model's own chat template is used where it has one, a plain one of ours where it has none; either way it is a Jinja
template that is saved with every checkpoint, so that reader and writer cannot disagree. Control tokens come from the
template alone: each part of a message is tokenised by itself as plain text, so that a document which holds
`<|im_end|>`, `<eos>` or `<think>` cannot end its own turn or think for the model, flagged as special or not.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property, lru_cache
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from humpback.config import ModelSettings
from humpback.errors import HumpbackError, ModelError, in_one_line
from humpback.models.chat_template import asking_with, with_fixed_date
from humpback.models.plain_text import control_ids, encode_as_text
from humpback.models.template_trial import fault_of
from humpback.records import content_id
from humpback.requests import Message, Part, Role

if TYPE_CHECKING:
    from tokenizers import Encoding
    from transformers import PreTrainedTokenizerBase

VERSION = "2"
"""Part of a template's identity: raised whenever the same conversation would be tokenised otherwise."""

_EARLIER_VERSIONS = ("1",)
"""Models that were trained by these are still asked."""

MODEL_RECORD = "humpback.json"
"""The file in which a finetuned model's folder says how it was trained and with which template."""

PLAIN = (
    "{{ bos_token }}{% for message in messages %}"
    "{% if message['role'] == 'assistant' %}### Answer\n{{ message['content'] }}{{ eos_token }}"
    "{% else %}### Request\n{{ message['content'] }}\n\n{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}### Answer\n{% endif %}"
)
"""For base models without a chat template. The end of a turn is a control token here too."""

_ANY_DAY = ModelSettings().date
_ASKS_OTHERWISE = "it asks for an answer in another way than it shows one"

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
        gaps: What is read and not learnt behind `start`, such as later turns of the user: where each begins and ends.
    """

    ids: tuple[int, ...]
    start: int
    gaps: tuple[tuple[int, int], ...] = ()

    @property
    def targets(self) -> int:
        """Tokens that carry the loss. The first of all cannot: nothing stands before it."""
        return len(self.ids) - max(1, self.start) - sum(end - begin for begin, end in self.gaps)


@dataclass(frozen=True, slots=True)
class PromptTokens:
    """A prompt as tokens, with the bounds of its parts.

    Attributes:
        ids: All tokens.
        part_bounds: For each part of each message, the index of its first token and of the one behind its last.
    """

    ids: tuple[int, ...]
    part_bounds: tuple[tuple[int, int], ...]


class _ControlTexts(NamedTuple):
    """A template's own text around the messages of a conversation."""

    before: tuple[str, ...]
    """What stands before each message, and before the answer."""
    lead: str | None
    """The end of what stands before the answer, from where the generation prompt ends; None where that is another."""
    tail: str
    """What follows the answer."""


class Template:
    """Renders conversations for one tokenizer.

    Args:
        tokenizer: A fast tokenizer; its `chat_template` is set to the plain one where it has none, and to one that
            can be trained with where it has one that cannot (`chat_template`).
        day: The date that a template is given which asks for today's.

    Raises:
        ModelError: The tokenizer has no end of sequence; or its template is broken, refuses a conversation of a user
            and an assistant, hides what it is given, or costs too much time or memory.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, day: date = _ANY_DAY) -> None:
        self.tokenizer = tokenizer
        if tokenizer.eos_token_id is None:
            raise ModelError("the tokenizer has no end-of-sequence token", "take a model that has one")
        if not tokenizer.chat_template:
            tokenizer.chat_template = PLAIN
        brought = str(tokenizer.chat_template)
        if brought != PLAIN and (text := self._trainable(day)) != tokenizer.get_chat_template():
            tokenizer.chat_template = text
        self.identities = (self.identity, *(content_id(version, brought) for version in _EARLIER_VERSIONS))
        self._text = lru_cache(_CACHED_TEXTS)(self._text_tokens)
        self._control = lru_cache(_CACHED_TEXTS)(self._control_tokens)
        self._control_texts = lru_cache(_CACHED_TEXTS)(self._render_control_texts)

    def _trainable(self, day: date) -> str:
        """The tokenizer's template; without a clock, and asking for an answer as it shows one."""
        try:
            text = with_fixed_date(self.tokenizer.get_chat_template(), day)
        except ValueError as error:  # it has several, and none by default
            raise self._template_error(str(error)) from None
        if fault := fault_of(text, self.tokenizer.special_tokens_map):
            raise self._template_error(fault)
        turns, (_, answer) = _conversation_of_marks(("user", "assistant"))
        head = self._render(turns, False, text).partition(answer)[0]
        agreeing = asking_with(text, head, *(self._render(turns[:1], asks, text) for asks in (True, False)))
        if agreeing is None:
            raise self._template_error(_ASKS_OTHERWISE)
        return agreeing

    @cached_property
    def identity(self) -> str:
        """What is saved with a checkpoint and compared when it is loaded."""
        return content_id(VERSION, str(self.tokenizer.chat_template))

    @cached_property
    def end_ids(self) -> tuple[int, ...]:
        """The tokens that end an assistant's turn: trained on as the last labels, and stopped at.

        They are what the template writes behind an answer, up to the first control token. Where it writes words alone
        there, the end of sequence follows them. Where it writes nothing behind the last answer, what stands behind an
        earlier one counts, unless it opens the next turn.
        """
        end = int(self.tokenizer.eos_token_id)
        tail = self._control_tokens(self._control_texts(("user",)).tail)
        for index, token in enumerate(tail):
            if token in self._controls:
                return tail[: index + 1]
        if words := self._end_words:
            return (*self._control_tokens(words), end)
        try:
            first, _, later, _ = map(self._control_tokens, self._control_texts(("user", "assistant", "user")).before)
        except ModelError:
            return (end,)
        control = next((token for token in later if token in self._controls), end)
        return (end if control in first else control,)

    @cached_property
    def _end_words(self) -> str:
        """What the template writes behind an answer where that is no control token."""
        tail = self._control_texts(("user",)).tail
        return tail.strip() if self._controls.isdisjoint(self._control_tokens(tail)) else ""

    @cached_property
    def stop_ids(self) -> tuple[int, ...]:
        """Any of these tokens ends a generation."""
        return tuple(dict.fromkeys((self.end_ids[-1], int(self.tokenizer.eos_token_id))))

    def ends(self, ids: Sequence[int]) -> bool:
        """Whether generated tokens have come to the end of a turn."""
        words = self.end_ids[:-1] if self._end_words else ()
        return ids[-1] in self.stop_ids or (bool(words) and tuple(ids[-len(words) :]) == words)

    @property
    def pad_id(self) -> int:
        """The token that fills batches; never looked at, so the end of sequence will do."""
        pad = self.tokenizer.pad_token_id
        return int(self.tokenizer.eos_token_id if pad is None else pad)

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
        fitted = self._fit(self._system_before_user(messages), max_tokens - len(prefix))
        return PromptTokens((*fitted.ids, *prefix), fitted.part_bounds)

    def tokens_of_span(self, text: str, start: int, end: int | None) -> range:
        """Which tokens of a part hold characters from `start` up to `end`."""
        if start == 0 and end is None:
            return range(len(self._text(text)))
        last = len(text) if end is None else end
        inside = [i for i, (a, b) in enumerate(self._encode(text).offsets) if max(a, start) < min(b, last)]
        return range(inside[0], inside[-1] + 1) if inside else range(0)

    def example(self, messages: Sequence[Message], answer: str, max_tokens: int) -> Example:
        """The conversation with its answer; the prompt is cut to make room, the answer never.

        The target begins where the template's generation prompt ends, for that is where others will ask.

        Raises:
            ModelError: The template asks for this answer in another way than it shows it.
            TooLong: The answer leaves no room for the prompt.
        """
        messages = self._system_before_user(messages)
        texts = self._control_texts(tuple(message.role for message in messages))
        if texts.lead is None:
            raise self._template_error(_ASKS_OTHERWISE)
        target = (*self._text(answer.strip() if self._trims else answer), *self.end_ids)
        prompt = self._fit(messages, max_tokens - len(target)).ids
        return Example((*prompt, *target), len(prompt) - self._opening(texts)[1])

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
        begin = self.tokenizer.bos_token_id
        return (int(begin),) if begin is not None and begin in self.tokenizer("").input_ids else ()

    def decode(self, ids: Sequence[int]) -> str:
        """The text of generated tokens, control tokens and the end of the turn left out."""
        answer = [token for token in ids if token not in self.stop_ids]
        text = str(self.tokenizer.decode(answer, skip_special_tokens=True, clean_up_tokenization_spaces=False))
        return text.partition(self._end_words)[0] if self._end_words else text

    def tokens(self, ids: Sequence[int]) -> list[str]:
        """Each token as its own text, for people to look at."""
        return [str(self.tokenizer.decode([token])) for token in ids]

    def _text_tokens(self, text: str) -> tuple[int, ...]:
        return tuple(self._encode(text).ids) if text else ()

    def _control_tokens(self, text: str) -> tuple[int, ...]:
        return tuple(self.tokenizer(text, add_special_tokens=False).input_ids) if text else ()

    def _encode(self, text: str) -> Encoding:
        return encode_as_text(self.tokenizer, text, self._controls)

    @cached_property
    def _controls(self) -> frozenset[int]:
        texts = self._control_texts(("user",))
        written = {token for text in (*texts.before, texts.tail) for token in self._control_tokens(text)}
        return control_ids(self.tokenizer, written)

    def _template_error(self, reason: str) -> ModelError:
        name = self.tokenizer.name_or_path
        return ModelError(f"the chat template of {name} cannot be used ({reason})", "mend it, or take another model")

    def _render(self, turns: list[dict[str, str]], asks: bool, template: str | None = None) -> str:
        options = {"chat_template": template, "tokenize": False, "add_generation_prompt": asks}
        try:
            return str(self.tokenizer.apply_chat_template(turns, **options))
        except Exception as error:  # templates come from strangers, and may raise anything
            roles = ", ".join(turn["role"] for turn in turns)
            raise self._template_error(f"turns of {roles}: {in_one_line(error)}") from None

    def _render_control_texts(self, roles: tuple[Role, ...]) -> _ControlTexts:
        """The template's own text around the messages. Where the last message is the assistant's it is the answer."""
        if roles[-1] != "assistant":
            roles = (*roles, "assistant")
        turns, marks = _conversation_of_marks(roles)
        rendered = remainder = self._render(turns, False)
        before = []
        for mark in marks:
            head, separator, remainder = remainder.partition(mark)
            if not separator:
                raise self._template_error("it does not show every message")
            before.append(head)
        head = rendered.partition(marks[-1])[0]
        question = self._render(turns[:-1], True) if len(turns) > 1 else head
        return _ControlTexts(tuple(before), head[len(question) :] if head.startswith(question) else None, remainder)

    @cached_property
    def _trims(self) -> bool:
        """Whether the template takes white space off an answer."""
        turns, (_, mark) = _conversation_of_marks(("user", "assistant"))
        turns[1]["content"] = f" {mark} "
        return f" {mark} " not in self._render(turns, False)

    def _opening(self, texts: _ControlTexts) -> tuple[tuple[int, ...], int]:
        """The tokens before an answer, and how many of them are its lead. Those that others ask with stay the same."""
        text, lead = texts.before[-1], texts.lead or ""
        before_lead, with_lead = self._control(text.removesuffix(lead)), self._control(text)
        tokens = with_lead if with_lead[: len(before_lead)] == before_lead else (*before_lead, *self._control(lead))
        return tokens, len(tokens) - len(before_lead)

    @cached_property
    def _shows_system(self) -> bool:
        try:
            return bool(self._control_texts(("system", "user")))
        except ModelError:
            return False

    def _system_before_user(self, messages: Sequence[Message]) -> Sequence[Message]:
        """The messages; where the template refuses a turn of the system, its text goes before the user's."""
        if [message.role for message in messages[:2]] != ["system", "user"] or self._shows_system:
            return messages
        return (Message("user", (Part(f"{messages[0].text}\n\n"), *messages[1].parts)), *messages[2:])

    def _fit(self, messages: Sequence[Message], max_tokens: int) -> PromptTokens:
        texts = self._control_texts(tuple(message.role for message in messages))
        controls = [*map(self._control, texts.before[:-1]), self._opening(texts)[0]]
        pieces: list[tuple[int, ...]] = []
        cuttable: list[int] = []
        parts: list[int] = []
        for control, message in zip(controls, messages, strict=False):
            pieces.append(control)
            for part in message.parts:
                if part.cut:
                    cuttable.append(len(pieces))
                parts.append(len(pieces))
                pieces.append(self._text(part.text))
        pieces += controls[len(messages) :]
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
            tuple((starts[index], starts[index + 1]) for index in parts),
        )


def _conversation_of_marks(roles: Sequence[Role]) -> tuple[list[dict[str, str]], list[str]]:
    """A conversation with marks in place of its texts: private-use characters, which no template changes."""
    marks = [f"\ue000{index}\ue001" for index in range(len(roles))]
    return [{"role": role, "content": mark} for role, mark in zip(roles, marks, strict=True)], marks


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
    if saved not in template.identities:
        raise ModelError(
            f"{path} was trained with another chat template", "restore its chat_template.jinja, or train it again"
        )
