"""Which generations are usable instructions: what surrounds one is taken off, and what is wrong with it is named."""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache
from itertools import pairwise

from humpback.config import AugmentSettings
from humpback.prompts import split_reasoning, template_text

NGRAM = 5
"""Words that are compared at a time with the response, and with the prompt."""

COPY_MIN_WORDS = 8
"""A shorter instruction may well consist of words of its response ('How do I install the package?')."""

COPIED_BEGINNING_MIN_WORDS = 4
"""From here on an instruction that is the very beginning of its response, and no question, is a copy."""

REPEATS = 3
"""An instruction that says the same four words this often repeats itself."""

SCRIPT_MIN_LETTERS = 8
"""Letters that it takes to say which script a text is in."""

_LOOKED_AT = 200
"""Characters of the response whose script is identified."""
_WRITTEN_TOGETHER = {"HIRAGANA": "CJK", "KATAKANA": "CJK"}

# A word, or one character of a script that puts no spaces between words.
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]|[^\W_\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]+")
_ASKED = r"(?:instruction|request|question|prompt|query)"
_ROLE = rf"(?:user(?:['’]s)?(?:[ ]{_ASKED})?|human|{_ASKED}|q|frage|anfrage|pregunta|问题|用户)"
_LABEL = re.compile(
    rf"^(?:[*_#>\s]*{_ROLE}[*_ ]*[:：]|(?:#{{1,6}} ?|\*\*){_ROLE}\**[ \t]*\n)[*_]{{0,3}}\s*(?:>\s*)?", re.IGNORECASE
)
# How a model announces an instruction instead of writing it.
_PREAMBLE = re.compile(
    r"(?:<\|\w+\|>|\[INST\]|<s>)\s*|[*_\s]*(?:sure|certainly|of course|okay|ok|absolutely|alright)[!.,]\s+"
    r"(?=here\b|[\"“]|.*\?)"
    rf"|[*_\s]*(?:here(?:['’]s| is| are)|the|an?|one|this|possible|potential|likely|plausible|suitable|original|"
    rf"based on|i (?:think|believe|guess)|imagine|perhaps)\b[^\n:?\"“]{{0,100}}\b(?:user|{_ASKED}s?|ask(?:ed|s)?)\b"
    r"[^\n:?\"“]{0,60}(?::[*_]{0,3}\s*(?:>\s*)?|,?\s(?=[\"“][^\"“”]*[\"”][.\s]*\Z))",
    re.IGNORECASE,
)
_WHOLE = re.compile(
    rf"```(?:text|markdown|json|plaintext)?\s*\n(?P<fenced>.*?)\n?```|<(?P<tag>{_ASKED})>(?P<tagged>.*?)</(?P=tag)>"
    r"|(?P<mark>[*_]{1,3})(?P<marked>[^*\n]+)(?P=mark)|(?:[-*•]|\d[.)]|#{1,6})\s+(?P<item>[^\n]+)",
    re.IGNORECASE | re.DOTALL,
)
# What a model says behind an instruction: the answer to it, or what it thinks of it.
_BEHIND = re.compile(
    r"\n[ \t]*[*_#]{0,6}(?:assistant|ai|ai assistant)[*_]{0,3}:.*\Z"
    r"|(?<=[?？])\s*\n\s*\n[*_#]{0,6}(?:answer|response|reply)[*_]{0,3}:.*\Z"
    rf"|\s+\((?:note\b|(?:this|the) [^()\n]{{0,80}}\b(?:{_ASKED}|text|passage|response)\b)[^()\n]*\)\s*\Z"
    r"|(?<=[\"”]) [-–—,(]+ ?(?:this|that) (?:is|was|would)\b[^\n]*\Z|\n\s*-{3,}\s*\Z"
    rf"|\n\s*\n[*_(\s]*(?:(?:note[*_]{{0,3}}:[^\n]{{0,80}}?|(?:this|the above|that|i chose this) )"
    rf"(?:is a |would be an? [\w-]+ )?(?:{_ASKED}|text|passage|response)\b"
    r"|(?:explanation|rationale|reasoning)[*_]{0,3}:|let me know if|i hope this|would you like me|feel free to).*\Z"
    r"|(?:<\|\w+\|>|</s>|\[/INST\])\s*\Z",
    re.IGNORECASE | re.DOTALL,
)
_ANSWER = re.compile(
    r"\n[ \t]*[*_#]{0,6}(?:a|answer|response|reply|antwort|回答)[*_]{0,3}\s*[:：].*\Z", re.I | re.DOTALL
)
_TEXT = r"(?:text|passage|excerpt|paragraph|article|snippet|document)"
_SHOWN = rf"(?:(?:above|provided|given) {_TEXT}|{_TEXT}(?: (?:provided|given))?(?: above)?)"
_ACCORDING = re.compile(
    rf"^(?:according to|based on|from|in) the {_SHOWN}, (?!(?:extract|identify|quote)\b)(?=\w)"
    rf"|,? (?:according to|based on) the {_SHOWN}(?=[?.]?\Z)",
    re.IGNORECASE,
)
_UNSEEN = re.compile(
    rf"\b(?:above|provided|preceding|aforementioned) {_TEXT}\b|\b{_TEXT} (?:above|provided)\b"
    rf"|\bthis {_TEXT}\b|\bthe above\b"
    rf"|\b(?:does|do|in|of|from|by|to) the (?:passage|excerpt|text|snippet)\b",
    re.IGNORECASE,
)
_OWN_TEXT = re.compile(r"[:\n][^\n]*.{40}|[\"“][^\"”]{40}", re.DOTALL)
_BLANK = re.compile(
    r"\[(?:[a-z]+(?:['’]s)? ){0,3}[a-z]+\](?!\()|\((?:insert|your) [^()]{1,30}\)"
    r"|\{[a-z][a-z_ ]{2,30}\}|<(?:topic|subject|name|insert [^<>]{1,30}|your [^<>]{1,30})>|https?://\S+",
    re.IGNORECASE,
)
_FORMAT = re.compile(r"\b(?:formats?|form|template|placeholder|syntax|regex|schema)\b|```", re.IGNORECASE)
_ITEM = re.compile(
    r"[ \t]*(?:\d{1,2}[.)]|[-*•]|(?:option|request|question|instruction|alternative) \d\W)[ \t]+\S", re.I
)
_OR = re.compile(
    r"^[ \t*_]*(?:or[ \t*_]*[:,]?[ \t*_]*$|alternatively[ \t*_]*[:,])|\Aeither [\"“].+[\"”],? or [\"“]",
    re.IGNORECASE | re.MULTILINE,
)
_QUOTES = (('"', '"'), ("'", "'"), ("“", "”"), ("‘", "’"), ("«", "»"), ("「", "」"), ("`", "`"))
_FENCE = re.compile(r"</?\s*(?:text|instruction|response)(?:-\d+)?\s*>", re.IGNORECASE)
_NO_ANSWER = re.compile(r"\W*(?:n/?a|none|null|nothing|not applicable|no (?:instruction|request|question))\W*", re.I)
_HELP = (
    r"(?:assist|comply|provide|generate|determine|identify|infer|fulfil+|answer|respond|continue|"
    r"help (?:you|with)|do that)\b"
)
_UNABLE = r"(?:can(?:no|')?t|can ?not|am (?:not able|unable) to|'m (?:not able|unable) to|won't|will not)"
_REFUSAL = re.compile(
    rf"(?:(?:i am|i'm)?[ ,]*(?:very |so )?(?:sorry|apologi[sz]e|afraid)\b[^.!?\n]{{0,40}}\bi *{_UNABLE}\b"
    rf"|(?:unfortunately,? )?i *{_UNABLE} {_HELP}(?!.*\?\s*$)"
    r"|as an? (?:ai|artificial intelligence|large language|language)(?: language)?(?: model| assistant)?,? i\b)",
    re.IGNORECASE | re.DOTALL,
)
_STUTTER = re.compile(r"([^\W\d_])\1{9}")


def clean(text: str) -> str:
    """Takes off what surrounds an instruction: reasoning, labels and announcements, quotes, what is said behind it."""
    while True:
        before = text
        text = split_reasoning(text)[1].strip()
        if preamble := _PREAMBLE.match(text):
            text = text[preamble.end() :]
        text = _out_of_json(_BEHIND.sub("", text).strip())
        if label := _LABEL.match(text):
            text = _ANSWER.sub("", text[label.end() :]).strip()
        if enclosed := _WHOLE.fullmatch(text):
            text = next(filter(None, enclosed.group("fenced", "tagged", "marked", "item")), "")
        if not _OWN_TEXT.search(text) and (shorter := _ACCORDING.sub("", text, count=1)) != text:
            text = shorter[:1].upper() + shorter[1:]
        for opening, closing in _QUOTES:
            inner = text[1:-1]
            if len(text) > 1 and text[0] == opening and text[-1] == closing and not {opening, closing} & set(inner):
                text = inner.strip()
        if text == before:
            return text


def _out_of_json(text: str) -> str:
    """The instruction in a JSON object, or in a list with one; else the text as it is."""
    if not text.startswith(("{", "[")):
        return text
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        return text
    if isinstance(content, list) and len(content) == 1:
        content = content[0]
    if isinstance(content, dict):
        instructions = [
            value for name, value in content.items() if re.fullmatch(rf"(?:user_?)?{_ASKED}s?|user|task", name, re.I)
        ]
        if instructions and isinstance(instructions[0], list):
            return _out_of_json(json.dumps(instructions[0], ensure_ascii=False))
        content = "\n\n".join(filter(None, [*map(str, instructions[:1]), str(content.get("input") or "")]))
    return content if isinstance(content, str) and content else text


def validate(instruction: str, response: str, settings: AugmentSettings) -> str | None:
    """Why an instruction cannot be used, or None where it can.

    Args:
        instruction: A cleaned generation.
        response: The segment it was written for.
        settings: The limits.

    Returns:
        The first reason of `CHECKS` that holds: a fixed phrase, to be counted.
    """
    for reason, holds in CHECKS:
        if holds(instruction, response, settings):
            return reason
    return None


def _is_empty(instruction: str, response: str, settings: AugmentSettings) -> bool:
    return not instruction.strip()


def _echoes_prompt(instruction: str, response: str, settings: AugmentSettings) -> bool:
    prompt = _prompt_words()
    words = _words(instruction)
    return bool(_FENCE.search(instruction)) or any(_stands_in(gram, prompt) for gram in _ngrams(words, NGRAM))


def _copies_response(instruction: str, response: str, settings: AugmentSettings) -> bool:
    words = _words(instruction)
    if len(words) < COPIED_BEGINNING_MIN_WORDS:
        return False
    text = f" {' '.join(_words(response))} "
    if text.startswith(f" {' '.join(words)} ") and not instruction.rstrip().endswith(("?", "？")):
        return True
    if len(words) < COPY_MIN_WORDS:
        return False
    grams = _ngrams(words, NGRAM)
    return sum(_stands_in(gram, text) for gram in grams) > settings.max_overlap * len(grams)


def _is_too_short(instruction: str, response: str, settings: AugmentSettings) -> bool:
    return len(instruction) < settings.min_chars


def _is_too_long(instruction: str, response: str, settings: AugmentSettings) -> bool:
    return len(instruction) > settings.max_chars


def _refuses(instruction: str, response: str, settings: AugmentSettings) -> bool:
    return bool(_REFUSAL.match(instruction.replace("’", "'").strip()))


def _repeats_itself(instruction: str, response: str, settings: AugmentSettings) -> bool:
    grams = _ngrams(_words(instruction), 4)
    lines = [line for line in map(str.strip, instruction.splitlines()) if line]
    return (
        any(grams.count(gram) >= REPEATS for gram in set(grams))
        or any(line == following for line, following in pairwise(lines))
        or bool(_STUTTER.search(instruction))
    )


def _is_no_instruction(instruction: str, response: str, settings: AugmentSettings) -> bool:
    letters = sum(map(str.isalpha, instruction))
    return letters < 3 or bool(_NO_ANSWER.fullmatch(instruction))


def _is_several(instruction: str, response: str, settings: AugmentSettings) -> bool:
    lines = [line for line in instruction.splitlines() if line.strip()]
    questions = [line for line in lines if line.rstrip(" *_\"'”").endswith(("?", "？"))]
    fewest = 2 if all(map(_ITEM.match, lines)) else 3
    return fewest <= len(lines) == len(questions) or bool(_OR.search(instruction)) or _is_list(instruction)


def _is_list(text: str) -> bool:
    try:
        return text.startswith("[") and isinstance(json.loads(text), list)
    except (ValueError, RecursionError):
        return False


def _has_blanks(instruction: str, response: str, settings: AugmentSettings) -> bool:
    """Places to fill in, and addresses of what nobody can read: what the response has too belongs to it."""
    blanks = [blank[0] for blank in _BLANK.finditer(instruction) if blank[0] not in response]
    return bool(blanks) and not _FORMAT.search(instruction)


def _speaks_of_unseen(instruction: str, response: str, settings: AugmentSettings) -> bool:
    return bool(_UNSEEN.search(instruction)) and not _OWN_TEXT.search(instruction)


def _is_in_another_script(instruction: str, response: str, settings: AugmentSettings) -> bool:
    ours, theirs = _script(instruction), _script(response[:_LOOKED_AT])
    return bool(ours and theirs) and ours != theirs


def _script(text: str) -> str:
    """The script that most letters of a text are in; empty where there are too few to say.

    Telling languages apart takes more text than an instruction has; telling scripts apart does not.
    """
    letters = [character for character in text if character.isalpha()]
    if len(letters) < SCRIPT_MIN_LETTERS:
        return ""
    plain = sum(character < "\u0250" for character in letters)
    if plain > len(letters) / 2:
        return "LATIN"
    names = Counter(unicodedata.name(character, "?").partition(" ")[0] for character in letters)
    name = names.most_common(1)[0][0]
    return _WRITTEN_TOGETHER.get(name, name)


CHECKS: tuple[tuple[str, Callable[[str, str, AugmentSettings], bool]], ...] = (
    ("empty", _is_empty),
    ("echo of the prompt", _echoes_prompt),
    ("copy of the response", _copies_response),
    ("too short", _is_too_short),
    ("too long", _is_too_long),
    ("refusal", _refuses),
    ("repeats itself", _repeats_itself),
    ("not an instruction", _is_no_instruction),
    ("several requests", _is_several),
    ("left blank", _has_blanks),
    ("speaks of an unseen text", _speaks_of_unseen),
    ("another script", _is_in_another_script),
)
"""What is wrong with an instruction, in the order in which it is looked for."""


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())


def _ngrams(words: Sequence[str], n: int) -> list[str]:
    return [" ".join(words[i : i + n]) for i in range(len(words) - n + 1)]


def _stands_in(gram: str, text: str) -> bool:
    return f" {gram} " in text


@cache
def _prompt_words() -> str:
    return f" {' '.join(_words(template_text('backward')))} "
