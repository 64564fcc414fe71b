"""Tells what a model thought from what it answered."""

from __future__ import annotations

import re

_BLOCK = re.compile(r"\s*<(think|thinking|reasoning|thought)>(.*?)(?:</\1>|\Z)(.*)", re.DOTALL | re.IGNORECASE)


def split_reasoning(text: str) -> tuple[str, str]:
    """The reasoning at the beginning of a text, and the answer behind it; either may be empty."""
    match = _BLOCK.fullmatch(text)
    return (match[2].strip(), match[3].strip()) if match else ("", text)
