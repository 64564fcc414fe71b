"""The title of a page without the name of its site, found by the page's address."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

_SEPARATOR = re.compile(r"\s+[-–—|·•»«]+\s+|\s*[|»«]\s*|:\s+")
_NOT_ALNUM = re.compile(r"[\W_]+")
_SHORTEST = 3
"""Letters of a host's label that may be the name of a site: no country codes."""
_LONGEST = 500


def without_site(title: str, source: str) -> str:
    """A title without a first or last part that is the name of the site in the address it comes from.

    The name is a label of the host, spaces and case aside: 'Rye - The Daily Loaf' on thedailyloaf.example is 'Rye'.
    """
    parted = [match.span() for match in _SEPARATOR.finditer(title[:_LONGEST])] if "://" in source else []
    if not parted:
        return title
    try:
        host = urlsplit(source).hostname or ""
    except ValueError:
        return title
    labels = {_NOT_ALNUM.sub("", label) for label in host.lower().split(".")[:-1] if len(label) >= _SHORTEST}
    labels |= {"".join(host.lower().removeprefix("www.").split("."))}
    if _squeezed(title[parted[-1][1] :]) in labels:
        title = title[: parted[-1][0]]
    elif _squeezed(title[: parted[0][0]]) in labels:
        title = title[parted[0][1] :]
    return title


def _squeezed(text: str) -> str:
    return _NOT_ALNUM.sub("", text.lower())
