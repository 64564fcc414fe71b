"""Reads the verdict from the reply of a judge that compared two texts.

The last statement of a verdict in the reply decides, and it must name one of the two, or a tie, and end there. A
statement that says anything else ('A or B', 'neither') makes the reply unparsed, and an earlier one does not stand in
for it. There is no default.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Literal

from humpback.records import FinishReason

Verdict = Literal["first", "second", "tie", "unparsed", "truncated"]
"""What a judge said; 'unparsed' and 'truncated' are no verdict."""

# Runs of marks are bounded: a reply of a hundred thousand asterisks costs no more than another.
_MARKS = r"[\s*_`\"'’”#]{0,12}"
_OPENERS = r"[\s*_`\"'‘“(\[{<]{0,12}"
_STATEMENT = re.compile(
    rf"(?<!\w)(?:verdict|winner)(?!\w){_MARKS}(?::|=>?|-+>|→|is(?!\w)|[-–—](?=\s)){_OPENERS}|\[\[\s{{0,3}}(?=\w)",
    re.IGNORECASE,
)
_BARE = re.compile(r"[\s*_`\"'(\[{<]{0,12}(?=\S)")
_CHOICE = re.compile(
    r"(?:(?:reply|response|answer|assistant|option)\s)?(?:(?P<tie>(?:an?\s)?(?:tie|draw)|tied)|(?P<one>[AB]))(?!\w)"
    r"[*_`\"'’”)\]}>]{0,12}(?:\s(?:is\s(?:the\s)?(?:clearly\s|slightly\s|much\s)?(?:better|winner)|wins)\b)?"
    r"[.!*_`\"'’”)\]}>]{0,12}[ \t]{0,8}(?P<end>\n|\Z)",
    re.IGNORECASE,
)


def parse_verdict(reply: str, finish_reason: FinishReason) -> Verdict:
    """Reads the last verdict that a reply states: of the text shown first, of the second, or a tie.

    Args:
        reply: What the judge wrote.
        finish_reason: Why it stopped. Where its limit cut it off before a verdict, or right behind one that may have
            gone on ('A' may be the beginning of 'A tie'), the verdict is 'truncated'.
    """
    text = unicodedata.normalize("NFKC", reply)
    statements = list(_STATEMENT.finditer(text))
    start = statements[-1].end() if statements else _BARE.match(text)
    if isinstance(start, re.Match):
        start = start.end()
    choice = _CHOICE.match(text, start) if start is not None else None
    # Without a label, a verdict is the whole reply or nothing.
    if choice and not statements and text[choice.end() :].strip():
        choice = None
    if choice is None or (finish_reason == "length" and not choice["end"]):
        return "truncated" if finish_reason == "length" else "unparsed"
    if choice["tie"]:
        return "tie"
    return "first" if choice["one"].upper() == "A" else "second"
