"""Rewritten responses: a model answers each curated instruction from its response alone (Nguyen et al. 2024).

Takes curated pairs, gives as many. What cannot be believed is not taken: the original stays, with the reason.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import asdict

from humpback.augment.checks import CHECKS
from humpback.config import AugmentSettings, RewriteSettings
from humpback.engines.base import Engine, answers, unanswered, usage_of
from humpback.prompts import rewrite_messages
from humpback.records import Curated, Outcome, Rewritten
from humpback.requests import Completion, Request, Sampling
from humpback.text.likeness import words

Language = Callable[[str], tuple[str, float]]
"""The language of a text, and how sure that is, up to 1."""

_SURE = 0.9
# How a model announces a reply, and what it says behind it.
_CHATTER = re.compile(
    r"\A(?:[*_#\s]*(?:(?:sure|certainly|of course|absolutely|okay)(?:[!.]\s+|,\s+(?=here\b))"
    r"|(?:here(?:['’]s| is| are)|below is)\b[^\n:]{0,80}\b(?:reply|response|answer|version)\b[^\n:]{0,60}:[*_]*\s*"
    r"|(?:(?:rewritten|revised|final) )?(?:reply|response|answer)[*_]*:[*_]*\s+))+"
    r"|\n\s*\n[*_(\s]*(?:let me know|i hope (?:this|that)|feel free|would you like|is there anything|note[*_]*:"
    r"[^\n]{0,120}\b(?:text|reply|response|original|instruction|rewr\w+)\b)[^\n]*\Z",
    re.IGNORECASE,
)
_WHOLE = re.compile(r"```(?:text|markdown)\s*\n(.*?)\n?```|<(?:response|reply|text)>(.*)</\w+>", re.DOTALL)
_SOURCE = re.compile(
    r"\b(?:the|this) (?:(?:above|provided|given|source) )?(?:text|passage|excerpt)\b|</?(?:text|instruction)\b"
    r"|\b(?:is|are|was|were) not (?:provided|mentioned|specified|stated)\b",
    re.IGNORECASE,
)
_COUNTED = re.compile(r"^[\s*_#>]*\d{1,2}[.):]|\bstep \d{1,2}\b", re.IGNORECASE | re.MULTILINE)
_NUMBER = re.compile(r"\d+(?:[.,'’\u202f]\d+)*")
_THOUSANDS = re.compile(r"\d{1,3}(?:[.,'’\u202f]\d{3})+")
_SMALL = "zero one two three four five six seven eight nine ten eleven twelve".split()


def rewrite(
    rows: Sequence[Curated], engine: Engine, settings: RewriteSettings, language: Language
) -> Outcome[Rewritten]:
    """Rewrites the response of each pair, in order. Where no reply comes, or a check fails, the original stays."""
    sampling = Sampling(settings.max_new_tokens, temperature=0.0)
    requests = (Request(row.id, rewrite_messages(row.instruction, row.response), sampling) for row in rows)
    completions, rewritten = answers(engine, requests), []
    for row in rows:
        reply = completions.get(row.id) or unanswered(row.id)
        text = _CHATTER.sub("", reply.text.strip()).strip()
        if enclosed := _WHOLE.fullmatch(text):
            text = (enclosed[1] or enclosed[2] or "").strip()
        fault = _unusable(reply) or _fault(text, row, settings, language)
        changed = {} if fault else {"response": text, "rewritten_by": engine.model}
        values = asdict(row) | changed | {"original": row.response, "fault": fault, "reasoning": reply.reasoning}
        rewritten.append(Rewritten(**values, reply=reply.text or reply.error))
    return Outcome(tuple(rewritten), (), len(rows), usage_of(completions.values()))


def _unusable(reply: Completion) -> str:
    if reply.error or reply.finish_reason == "error":
        return "no answer"
    return "cut off by the token limit" if reply.finish_reason == "length" else ""


def _fault(text: str, row: Curated, settings: RewriteSettings, language: Language) -> str:
    """Why a reply is not taken, in words; empty where it is."""
    source, share = row.response, len(text) / max(1, len(row.response))
    checks, limits, instruction = dict(CHECKS), AugmentSettings(), " ".join(words(row.instruction))
    languages = {code for code, probability in map(language, (text, source)) if probability >= _SURE}
    faults = {
        "nothing written": not text,
        "refusal": checks["refusal"](text, source, limits),
        "JSON in place of a text": text.startswith(("{", "[")) and source[:1] != text[:1],
        "speaks of its source": bool(_SOURCE.search(text)) and not _SOURCE.search(source),
        "repeats the instruction": " " in instruction and " ".join(words(text)).startswith(instruction),
        "repeats itself": checks["repeats itself"](text, "", limits)
        and not checks["repeats itself"](source, "", limits),
        "another language": checks["another script"](text, source, limits) or len(languages) > 1,
        "a number that is not in its source": bool(
            _numbers(_COUNTED.sub(" ", text)) - _numbers(f"{source}\n{row.instruction}")
        ),
        "much shorter": share < settings.shortest,
        "much longer": share > settings.longest,
    }
    return next((fault for fault, holds in faults.items() if holds), "")


def _numbers(text: str) -> set[str]:
    """The numbers of a text, each in one form whatever parts its digits; small ones in English words too."""
    plain = (
        re.sub(r"\D", "", number) if _THOUSANDS.fullmatch(number) else number.replace(",", ".")
        for number in _NUMBER.findall(text)
    )
    spelt = {str(_SMALL.index(word)) for word in words(text) if word in _SMALL}
    return spelt | {number.rstrip("0").rstrip(".") if "." in number else number for number in plain}
