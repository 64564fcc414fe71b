"""Text to tokens as nothing but text: no control token comes of it, whatever it says and however that is flagged."""

from __future__ import annotations

import re
from collections.abc import Iterable, Set
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tokenizers import Encoding, Token

_WORDS = re.compile(r"\w[\w\s]*")
_MARKUP = re.compile(r"<[^<>\s]+>|\[/?[A-Z_]+\]")
"""What a control token looks like, where nothing else tells it from a word."""


def control_ids(tokenizer: Any, written: Iterable[int]) -> frozenset[int]:
    """What no text may become.

    All that was added to the vocabulary, but for white space and for words that the chat template does not name; and
    what looks like a control token in the vocabulary itself, where a text could become it.

    Args:
        tokenizer: A fast tokenizer.
        written: The tokens of the template's own text.
    """
    controls, template = set(tokenizer.all_special_ids), str(tokenizer.chat_template)
    for number, token in tokenizer.added_tokens_decoder.items():
        is_word = _WORDS.fullmatch(token.content) and token.content not in template
        if token.special or not (is_word or token.content.isspace()):
            controls.add(number)
    suspects = set(written)
    # Byte pairs make such a token of a text only where they were merged to it.
    if type(tokenizer.backend_tokenizer.model).__name__ != "BPE":
        suspects |= set(tokenizer.get_vocab().values())
    numbers = sorted(suspects)
    names = zip(numbers, tokenizer.convert_ids_to_tokens(numbers), strict=True)
    return frozenset(controls | {number for number, name in names if _MARKUP.fullmatch(name)})


def encode_as_text(tokenizer: Any, text: str, controls: Set[int]) -> Encoding:
    """The tokens of a text, none of them among `controls`, with the characters that each stands for."""
    encoding: Encoding = tokenizer(text, add_special_tokens=False, split_special_tokens=True).encodings[0]
    if controls.isdisjoint(encoding.ids):
        return encoding
    from tokenizers import PreTokenizedString

    # The tokenizer looks for those that are not flagged as special all the same: its parts do not know of them.
    backend = tokenizer.backend_tokenizer
    parts = PreTokenizedString(text)
    if backend.normalizer is not None:
        parts.normalize(backend.normalizer.normalize)
    if backend.pre_tokenizer is not None:
        backend.pre_tokenizer.pre_tokenize(parts)
    parts.tokenize(lambda piece: _tokens_of_piece(backend.model, piece, controls))
    return parts.to_encoding()


def _tokens_of_piece(model: Any, piece: str, controls: Set[int]) -> list[Token]:
    """The tokens of a piece; in place of a control token those of its letters."""
    from tokenizers import Token

    tokens: list[Token] = []
    for token in model.tokenize(piece):
        if token.id not in controls:
            tokens.append(token)
            continue
        start, end = token.offsets
        letters = (part for letter in piece.encode()[start:end].decode() for part in model.tokenize(letter))
        tokens += [Token(part.id, part.value, (start, end)) for part in letters]
    return tokens
