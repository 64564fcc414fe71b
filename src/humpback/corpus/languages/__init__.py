"""What rules look for in texts, in words: a file of phrases for each language, named by its ISO 639-1 code.

A rule is asked with the languages that the settings keep, so that phrases of others cost nothing; no language means
all. A new language is a new file (docs/other-languages.md).
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

from humpback.corpus.languages.phrases import FIRST_WORD, WORD, Mentions, Openings, Phrases

SECTIONS = (
    *("headings", "abbreviations", "see", "in", "shows", "things", "parts", "of", "law"),
    *("elsewhere", "above", "below", "never first", "never later", "exercises", "comments", "adverts"),
    *("related", "promotion", "credits", "pictures"),
)
"""What a file may hold; a section may be empty or missing."""
NEVER = r"(?!)"
"""A pattern that matches nothing."""
_NUMBER = r"(?>\(\d{1,3}\)|\d{1,3}(?:[.–-]\d{1,3}){0,3}[a-z]?|[ivx]{2,4}|[一二三四五六七八九十]{1,3})"
_LETTER = r"[a-z](?:[.-]\d{1,2})?"
_SHORT = 5
"""Letters of words that many texts have."""
_MARKS = {"#": _NUMBER, "@": _LETTER, "*": r"\w{1,20}", ",": ","}
_SPACELESS = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uff00-\uffef]")
_ANY = re.compile(".")
_CHARACTER = re.compile(r"[#@*]|[^#@*]+")


@cache
def available() -> tuple[str, ...]:
    """The languages that there are files of."""
    folder = files("humpback.corpus.languages")
    return tuple(sorted(entry.name[:-4] for entry in folder.iterdir() if entry.name.endswith(".txt")))


@cache
def sections(language: str) -> dict[str, tuple[str, ...]]:
    """The phrases of a language, in lower case, by the section they stand in.

    Raises:
        ValueError: The file has a section that no rule asks for.
    """
    text = files("humpback.corpus.languages").joinpath(f"{language}.txt").read_text(encoding="utf-8")
    found: dict[str, tuple[str, ...]] = dict.fromkeys(SECTIONS, ())
    section = ""
    for line in filter(None, map(str.strip, text.lower().splitlines())):
        if line.startswith("["):
            section = line.strip("[]")
        elif section in found:  # what stands above the first section is for people
            found[section] = (*found[section], line)
        if section and section not in found:
            raise ValueError(f"{language}.txt: there is no section [{section}]; take one of {', '.join(SECTIONS)}")
    return found


@cache
def phrases_of(languages: tuple[str, ...], section: str) -> tuple[str, ...]:
    """The phrases of a section in these languages, or in all of them where none is named."""
    chosen = [language for language in available() if not languages or language in languages]
    return tuple(phrase for language in chosen for phrase in sections(language)[section])


@cache
def pattern_of(languages: tuple[str, ...], section: str) -> str:
    """A pattern for lower-case text that matches each phrase of a section, in whole words; `NEVER` if there is none."""
    return "|".join(map(_pattern, phrases_of(languages, section))) or NEVER


@cache
def rule(languages: tuple[str, ...], section: str) -> Phrases:
    """The phrases of a section, ready for a search: around each word, only those that have it."""
    by_word = _by_word(languages, section)
    return Phrases({word: re.compile("|".join(map(_pattern, phrases))) for word, phrases in by_word.items()})


@cache
def openings(languages: tuple[str, ...], section: str) -> Openings:
    """The phrases of a section, ready to tell whether a line begins with one."""
    by_word: dict[str, list[str]] = {}
    others: list[str] = []
    for phrase in phrases_of(languages, section):
        first, _, following = phrase.partition(" ")
        for way in () if _SPACELESS.search(phrase) else first.split("|"):
            word = None if "*" in way or "#" in way else FIRST_WORD.match(way)
            (by_word.setdefault(word[1], []) if word else others).append(_pattern(f"{way} {following}".strip()))
    patterns = {word: re.compile("|".join(ways)) for word, ways in by_word.items()}
    return Openings(patterns, re.compile("|".join(others) or NEVER), _spaceless(languages, section))


@cache
def mentions(languages: tuple[str, ...], section: str) -> Mentions:
    """The phrases of a section, ready for a search in short lines."""
    by_word: dict[str, list[str]] = {}
    for phrase in phrases_of(languages, section):
        if not _SPACELESS.search(phrase):
            for way in _rarest(phrase, WORD):
                by_word.setdefault(max(WORD.findall(way), key=len), []).append(_pattern(phrase))
    patterns = {word: re.compile("|".join(ways)) for word, ways in by_word.items()}
    return Mentions(patterns, _spaceless(languages, section))


def _spaceless(languages: tuple[str, ...], section: str) -> re.Pattern[str]:
    return re.compile("|".join(_pattern(p) for p in phrases_of(languages, section) if _SPACELESS.search(p)) or NEVER)


def words_of(languages: tuple[str, ...], section: str) -> tuple[str, ...]:
    """Words of which each phrase of a section has one, few and long."""
    return tuple(_by_word(languages, section))


@cache
def _by_word(languages: tuple[str, ...], section: str) -> dict[str, list[str]]:
    rarest = [(word, phrase) for phrase in phrases_of(languages, section) for word in _rarest(phrase)]
    words = {word for word, _ in rarest}
    least = sorted(word for word in words if not any(other in word for other in words - {word}))
    return {word: list(dict.fromkeys(phrase for whole, phrase in rarest if word in whole)) for word in least}


def _rarest(phrase: str, kind: re.Pattern[str] = _ANY) -> list[str]:
    """The word of a phrase that fewest texts have, in all ways to write it; none if each may be any word."""
    tokens = [re.sub("[#@*]", "", token).split("|") for token in phrase.split()]
    written = [ways for ways in tokens if all(map(kind.search, ways))]
    return max(written, key=_rarity) if written else []


def _rarity(ways: list[str]) -> tuple[bool, int]:
    """How well a word, in all ways to write it, narrows a search down."""
    shortest = min(map(len, ways))
    return shortest > _SHORT, shortest - len(ways)


def _pattern(phrase: str) -> str:
    """Of a phrase: `a|b` is either word, `#` a number, `@` a letter that stands for one, `*` any word."""
    tokens = ["(?:" + "|".join(map(_escaped, token.split("|"))) + ")" for token in phrase.split()]
    inner = re.sub(r"\[ \\n\]\{1,2\}\(\?:([,:])\)", r"\1", r"[ \n]{1,2}".join(tokens))
    if _SPACELESS.search(phrase):
        return inner
    # Whole words, where a script has spaces between them.
    left = r"(?<!\w)" if phrase[0].isalnum() or phrase[0] in "#@*" else ""
    right = r"(?!\w)" if phrase[-1].isalnum() or phrase[-1] in "#@*" else ""
    return f"{left}{inner}{right}"


def _escaped(word: str) -> str:
    return "".join(_MARKS.get(part) or re.escape(part) for part in _CHARACTER.findall(word))
