"""Names that the code of a piece takes from the code of an earlier piece of its document.

A worked example goes on over several sections: the first defines a function, the next ones call it. Whoever reads one
of them alone does not see what it calls.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from humpback.corpus.parsing.sections import FENCE

_DEFINED = re.compile(
    r"^[ \t>$]*(?:(?:export|public|private|static|async|pub|inline) )*"
    r"(?:def|class|function|fn|func|sub|struct|interface|trait|impl|defun"
    r"|(?:create|CREATE) (?:table|view|function|TABLE|VIEW|FUNCTION)) +([A-Za-z]\w{3,})"
    r"|^[ \t>$]*(?:(?:let|const|var|my|local|auto|val) +)?([a-z]+_[a-z_0-9]+) *:?=(?![=~])[^\n]*[^,\s][ \t]*$",
    re.MULTILINE,
)
"""Functions, types and tables, and variables of several words: short names are used anew in each example."""
_NAME = re.compile(r"[A-Za-z]\w{3,}")


def borrowed(texts: Sequence[str]) -> list[tuple[str, ...]]:
    """For each text of a document, in order, the names that its code uses and only earlier code defines.

    Args:
        texts: Markdown. Code counts where it is fenced.
    """
    known: set[str] = set()
    names: list[tuple[str, ...]] = []
    for text in texts:
        code = _code(text) if "```" in text or "~~~" in text else ""
        own = {name for match in _DEFINED.finditer(code) for name in match.groups() if name}
        names.append(tuple(sorted(known.intersection(_NAME.findall(code)) - own)) if known and code else ())
        known |= own
    return names


def _code(text: str) -> str:
    """The lines of fenced code."""
    lines: list[str] = []
    fence = ""
    for line in text.split("\n"):
        mark = FENCE.match(line)
        if fence and mark and mark.group(1).startswith(fence) and not line[mark.end() :].strip():
            fence = ""
        elif fence:
            lines.append(line)
        elif mark:
            fence = mark.group(1)
    return "\n".join(lines)
