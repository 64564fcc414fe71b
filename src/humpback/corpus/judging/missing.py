"""What a piece announces and does not hold: pictures, listings, formulas; sentences that lost a word with a link."""

from __future__ import annotations

import re

from humpback.config import SegmentSettings
from humpback.corpus.cutting.piece import Piece
from humpback.corpus.judging.leaning import SAID, shown
from humpback.corpus.languages.phrases import Phrases
from humpback.corpus.parsing.formulas import UNREADABLE

_FENCE = re.compile(r"\s{0,12}(?:```|~~~)")
_PROMISE = re.compile(
    r"(?:looks?(?: something)? like(?: this)?|like (?:this|so)|(?:as |is |are )?(?:shown )?below"
    r"|here(?:['’]s| is| are) (?:an?|the|some|another|one) (?:\w{1,15} ){0,2}(?:example|list|table|diagram|layout)s?"
    r"|screen ?shot(?: of .{1,30})?|gif|image|diagram|picture|in (?:the|your) browser|displays?|illustrating .{1,40})"
    r"\s?:$",
    re.IGNORECASE,
)
_SHOWN = re.compile(r"\s{4}|\t|[-*+•>|!]|\d{1,3}[.)]\s|[`~$<]|https?:|[a-z\"'(\[{]|#{1,6} .{0,20}Example")
_VERBS = "shows?|lists|illustrates|depicts|summari[sz]es|presents|displays|outlines|describes|contains|gives|provides"
_LOST = re.compile(
    rf"\.(?<!etc\.)(?<!e\.g\.)(?<!i\.e\.)(?<! vs\.)\s{{1,2}}(?:{_VERBS}) (?:an?|the|its|their|some|how|what)\b"
)
"""A sentence without its subject, which was a reference."""
_HOLE = re.compile(r" (?:\[\])?[,.;)](?= |$)", re.MULTILINE)
_BEFORE_A_HOLE = re.compile(r"[a-z] (?:in|see|by|from|at|on|with|via)$")
_EMPTY_CODE = re.compile(r"(?<![`\w])``(?![`\w<])")
_MARKED_CODE = re.compile(r"``[^`\n]+`[^`\n]+``")
"""Two marks stand around code that holds one."""
_AS_SHOWN_IN = Phrases(
    dict.fromkeys((" in,", " by,", " at,", " on,", " from,"), re.compile(rf"\b[Aa]s {SAID} (?:in|by|at|on|from),"))
)
"""What stands in front of a link or a reference that is gone."""


def misses_something(piece: Piece, settings: SegmentSettings) -> str | None:
    """It announces a picture or a listing that is not there, or lost a formula, or its code: 'The `` tag'."""
    text = piece.prose
    if UNREADABLE in text or ("``" in text and _EMPTY_CODE.search(_MARKED_CODE.sub("", text))):
        return "a formula or code is gone"
    holes = (at for at in _HOLE.finditer(text) if _BEFORE_A_HOLE.search(text, max(0, at.start() - 8), at.start()))
    lost = _LOST.search(text) or _AS_SHOWN_IN.search(text) or next(holes, None)
    if lost:
        return f"says {shown(text, max(0, lost.start() - 20), lost.end() + 20)!r}"
    promise = fence = ""
    for line in piece.text.split("\n"):
        if not line or line.isspace():
            continue
        mark = _FENCE.match(line) if "```" in line or "~~~" in line else None
        if mark and (not fence or mark.group().strip() == fence):
            promise, fence = "", "" if fence else mark.group().strip()
        elif not fence:
            if promise and not _SHOWN.match(line) and not line.rstrip("*_ ").endswith(":"):
                return f"after {promise[-60:]!r} comes {line.strip()[:40]!r}"
            sentence = line.rstrip("*_ ")
            promise = sentence if sentence.endswith(":") and _PROMISE.search(sentence[-80:]) else ""
    return None
