"""Self-augmentation: the backward model writes an instruction for each segment (paper, section 2.2).

Takes segments, gives candidates. A generation that is not a usable instruction is dropped with its reason; nothing ever
stands in for it, above all no human instruction.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache
from itertools import pairwise

from humpback.config import AugmentSettings
from humpback.engines.base import Engine
from humpback.prompts import backward_messages, template_text
from humpback.records import (
    Candidate,
    Completion,
    Dropped,
    Outcome,
    Request,
    Sampling,
    Segment,
    Usage,
    content_id,
    record_seed,
)

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

_EXCERPT = 200
_WRITTEN_TOGETHER = {"HIRAGANA": "CJK", "KATAKANA": "CJK"}

# A word, or one character of a script that puts no spaces between words.
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]|[^\W_\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]+")
_LABEL = re.compile(r"^[*_#\s]*(?:instruction|request|question|prompt)[*_\s]*:[*_\s]*", re.IGNORECASE)
_QUOTES = (('"', '"'), ("'", "'"), ("“", "”"), ("‘", "’"), ("«", "»"), ("「", "」"), ("`", "`"))
_FENCE = re.compile(r"</?\s*(?:text|instruction|response)(?:-\d+)?\s*>", re.IGNORECASE)
_NO_ANSWER = re.compile(r"\W*(?:n/?a|none|null|nothing|not applicable|no (?:instruction|request|question))\W*", re.I)
_HELP = r"(?:assist|comply|provide|generate|fulfil+|answer|respond|continue|help (?:you|with)|do that)\b"
_UNABLE = r"(?:can(?:no|')?t|can ?not|am (?:not able|unable) to|'m (?:not able|unable) to|won't|will not)"
_REFUSAL = re.compile(
    rf"(?:(?:i am|i'm)?[ ,]*(?:very |so )?(?:sorry|apologi[sz]e|afraid)\b[^.!?\n]{{0,40}}\bi *{_UNABLE}\b"
    rf"|(?:unfortunately,? )?i *{_UNABLE} {_HELP}(?!.*\?\s*$)"
    r"|as an? (?:ai|artificial intelligence|large language|language)(?: language)?(?: model| assistant)?,? i\b)",
    re.IGNORECASE | re.DOTALL,
)
_STUTTER = re.compile(r"([^\W\d_])\1{9}")


def instruct(
    segments: Sequence[Segment], engine: Engine, settings: AugmentSettings, seed: int, stage: str
) -> Outcome[Candidate]:
    """Writes an instruction for each segment.

    Of the `per_segment` generations the valid one with the highest mean log-probability of a token is kept. Where none
    is valid the segment is dropped for the reason of its first.

    Args:
        segments: One shard.
        engine: The backward model M_yx.
        settings: How instructions are drawn, and which are valid.
        seed: The run's seed.
        stage: The stage's name; with the request's id it decides the random numbers of each request.
    """
    requests = [
        _request(segment, k, settings, seed, stage) for segment in segments for k in range(settings.per_segment)
    ]
    answers = {completion.id: completion for completion in engine.generate(requests)}
    kept: list[Candidate] = []
    dropped: list[Dropped] = []
    for segment in segments:
        written = [answers.get(_request_id(segment, k)) for k in range(settings.per_segment)]
        result = _best(segment, [answer or _unanswered(segment) for answer in written], settings, engine.model)
        if isinstance(result, Candidate):
            kept.append(result)
        else:
            dropped.append(result)
    usage = Usage(
        sum(answer.prompt_tokens for answer in answers.values()),
        sum(answer.completion_tokens for answer in answers.values()),
    )
    return Outcome(tuple(kept), tuple(dropped), len(segments), usage)


def shown(segment: Segment, settings: AugmentSettings) -> str:
    """What the backward model reads of a segment: its text, under its titles where the settings say so."""
    if not settings.title_path or not segment.title_path:
        return segment.text
    return f"{' > '.join(segment.title_path)}\n\n{segment.text}"


def clean(text: str) -> str:
    """Takes off what surrounds an instruction: white space, a label such as 'Instruction:', one pair of quotes."""
    while True:
        before = text
        text = _LABEL.sub("", text.strip(), count=1).strip()
        for opening, closing in _QUOTES:
            inner = text[1:-1]
            if len(text) > 1 and text[0] == opening and text[-1] == closing and not {opening, closing} & set(inner):
                text = inner.strip()
        if text == before:
            return text


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
        or any(one == other for one, other in pairwise(lines))
        or bool(_STUTTER.search(instruction))
    )


def _is_no_instruction(instruction: str, response: str, settings: AugmentSettings) -> bool:
    letters = sum(map(str.isalpha, instruction))
    return letters < 3 or bool(_NO_ANSWER.fullmatch(instruction))


def _is_in_another_script(instruction: str, response: str, settings: AugmentSettings) -> bool:
    ours, theirs = _script(instruction), _script(response[:_EXCERPT])
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
    ("another script", _is_in_another_script),
)
"""What is wrong with an instruction, in the order in which it is looked for."""


def _request_id(segment: Segment, k: int) -> str:
    return f"{segment.id}/{k}"


def _request(segment: Segment, k: int, settings: AugmentSettings, seed: int, stage: str) -> Request:
    name = _request_id(segment, k)
    sampling = Sampling(settings.max_new_tokens, settings.temperature, settings.top_p, record_seed(seed, stage, name))
    return Request(name, backward_messages(shown(segment, settings)), sampling)


def _unanswered(segment: Segment) -> Completion:
    return Completion(segment.id, "", "error", 0, 0, 0.0, error="the engine gave no answer")


def _best(
    segment: Segment, written: Sequence[Completion], settings: AugmentSettings, model: str
) -> Candidate | Dropped:
    instructions = [clean(completion.text) for completion in written]
    reasons = [
        _reason(completion, instruction, segment.text, settings)
        for completion, instruction in zip(written, instructions, strict=True)
    ]
    valid = [k for k, reason in enumerate(reasons) if reason is None]
    if not valid:
        return _dropped(segment, written, [reason or "" for reason in reasons])
    best = max(valid, key=lambda k: _mean_log_probability(written[k]))
    return Candidate(
        id=content_id(segment.id, instructions[best]),
        segment_id=segment.id,
        document_id=segment.document_id,
        source=segment.source,
        title_path=segment.title_path,
        instruction=instructions[best],
        response=segment.text,
        model=model,
        log_probability=_mean_log_probability(written[best]),
    )


def _reason(completion: Completion, instruction: str, response: str, settings: AugmentSettings) -> str | None:
    if completion.error or completion.finish_reason == "error":
        return "generation failed"
    if instruction and completion.finish_reason == "length":
        return "did not end"
    return validate(instruction, response, settings)


def _dropped(segment: Segment, written: Sequence[Completion], reasons: Sequence[str]) -> Dropped:
    first = written[0]
    detail = first.error or f"{len(first.text)} characters"
    if len(reasons) > 1:
        detail += f"; the others: {', '.join(reasons[1:])}"
    return Dropped(segment.id, reasons[0], detail, segment.source, first.text[:_EXCERPT])


def _mean_log_probability(completion: Completion) -> float:
    return completion.log_probability / max(completion.completion_tokens, 1)


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())


def _ngrams(words: Sequence[str], n: int) -> list[str]:
    return [" ".join(words[i : i + n]) for i in range(len(words) - n + 1)]


def _stands_in(gram: str, text: str) -> bool:
    return f" {gram} " in text


@cache
def _prompt_words() -> str:
    return f" {' '.join(_words(template_text('backward')))} "
