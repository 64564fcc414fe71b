"""Reads the score from the reply to a rating prompt.

The line that was asked for decides ('Score: 4'), as `statements` finds it, and it must state a whole or a half number
from 1 to 5. One that states anything else ('10', '4/10', '3-4') makes the reply unparsed, and so do two that differ.
There is no default: what cannot be read has no score.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from humpback.prompts.statements import Statement, field_of, json_objects, own_words, verdict_of
from humpback.records import FinishReason, RatingState


@dataclass(frozen=True, slots=True)
class ParsedRating:
    """What a reply says."""

    state: RatingState
    score: float | None = None
    """1 to 5; None unless `state` is 'scored'."""


# Runs of marks are bounded, so that a reply of a hundred thousand asterisks takes no longer than another.
_MARKS = r"[\s*_`\"'’”#]{0,12}"
_NAMES = (
    "score|rating|grade|bewertung|punktzahl|wertung|puntuación|puntuacion|calificación|calificacion|valoración|évaluation|"
    "evaluation|punteggio|valutazione|pontuação|avaliação|оценка|балл|ocena|skor|điểm|التقييم|الدرجة|النتيجة|امتیاز|स्कोर|अंक|रेटिंग"
)
_LABEL = (
    rf"(?:(?<![^\W_])(?<![^\W_]_)(?:(?:final|overall|total)_)?(?:{_NAMES})(?![^\W_])"
    "|评分|得分|分数|打分|评级|評分|得点|点数|評価|スコア|점수|평점|평가)"
)
# What is a score only where nothing but a number stands behind it: 'Overall: 4', and French 'Note : 4'.
_LONE_LABEL = r"(?:overall|total|note|nota|voto|总分|總分|総合)(?:[ \t]{1,4}(?:score|rating|grade))?"
_SCALE = r"(?:[(\[][^()\[\]\n]{0,24}[)\]])?"
_WORDS = r"(?:is|of|(?P<wishes>would be|should be))(?![^\W_])"
_SEPARATOR = rf"(?::|=>?|-+>|→|为|為|是|は|{_WORDS}|(?<=\s)[-–—](?=\s)){_MARKS}(?:an?(?=\s))?"
_OPENERS = r"(?:\s?\$?\\boxed)?[\s*_`\"'‘“(\[{<$]{0,12}"

# A statement of a score, up to its number, whatever that is: also one that no grade can be.
_HEAD = rf"(?:{_LABEL}{_MARKS}{_SCALE}{_MARKS}{_SEPARATOR}|<(?:score|rating|grade)>){_OPENERS}"
_STATEMENT = re.compile(rf"{_HEAD}(?=[-+~≈≥≤−–]?\.?\d)", re.IGNORECASE)
_NUMBER_WORDS = {
    **{word: digit for digit, word in enumerate(("one", "two", "three", "four", "five"), 1)},
    **{word: digit for digit, word in enumerate("一二三四五", 1)},
}
_STATED_WORD = re.compile(
    rf"(?P<head>{_HEAD})(?P<word>{'|'.join(_NUMBER_WORDS)})(?=[*_`\"'’”)\]}}>]{{0,8}}"
    r"(?:[ \t]*(?:[.,;!/(\n]|分|点|点|星|\Z|out[ \t]of\b|of[ \t](?:5|five)\b|stars?\b|points?\b)))",
    re.IGNORECASE,
)
_STARS = re.compile(r"(\d ?)?([★⭐🌟]{1,10})([☆✩✰]{0,10})")
# A number that has its line to itself needs no separator: '## Score' above '4', or a reply that is a grade and no more.
_LONELY = r"(?=\d[\d./ of*_`\])>|-]{0,16}\s*"
_HEADING = re.compile(
    rf"^[ \t#*_`>-]{{0,12}}(?:(?:final|overall)[ \t]+)?{_LABEL}[*_`]{{0,6}}\s{{1,4}}[*_`\[(<]{{0,6}}{_LONELY}$)"
    rf"|^[ \t#*_`>|-]{{0,12}}(?:{_LONE_LABEL}|{_LABEL}[ \t]{{0,12}}\|)[ \t*_`:|]{{1,12}}{_LONELY}$)",
    re.IGNORECASE | re.MULTILINE,
)
_BARE = re.compile(rf"[\s*_`\[(<]{{0,12}}{_LONELY}\Z)(?!\d\.\s*\Z)")

_CLOSERS = r"[*_`\"'’”)\]}>$]{0,8}+"
_OUT_OF = r"(?:/|(?:out[ \t]+)?of\b|von\b|sur\b|de\b|su\b|из\b|满分|滿分|満点)"
_UNIT = r"(?:[分点點점星](?!\w)|[ \t](?:points?|stars?|punkten?)(?!\w))?+"
_OUT_OF_FIVE = rf"(?:[ \t]*\(?{_OUT_OF}[ \t]*[*_`]{{0,4}}(?:5|five)(?:[.,]0+)?(?:[分点點점星]|(?![^\W_])){_CLOSERS})?"
_GOES_ON = (
    r"(?!\w|\.\d|[+%]"  # 40, 4.25, 4th, 3+
    r"|[ \t]*[-–—~+/⁄.,:&=×*^·→][ \t]*[*_`\[(<]{0,4}\d"  # 3-4, 4/10, 4, 5
    r"|[ \t]*[*_`\[<]{0,4}\d"  # 4 1/2, [4] [5]
    rf"|[ \t]*[/⁄]|[ \t]*\(?{_OUT_OF}[ \t]*\d|[ \t]*\(?(?:out[ \t]+)?of\b"  # 4/ten, 4 out of 10
    r"|[ \t]*(?:to|or|and|through|versus|vs\.?)[ \t]+(?:an?[ \t]+)?[*_`\[(<]{0,4}(?:\d|half))"  # 3 or 4
)
_GRADE = re.compile(rf"([1-5](?:[.,][05]0*)?)(?!\d){_UNIT}{_CLOSERS}{_OUT_OF_FIVE}{_GOES_ON}", re.IGNORECASE)
# What a reply that states no score ends with where it was about to: 'Score:', 'Final rating: good', '**Score'.
_BEGUN = re.compile(
    rf"[\s*_`#>(\[<]{{0,12}}(?:(?:final|overall|my|the)\s{{1,4}}){{0,2}}{_LABEL}{_MARKS}{_SCALE}{_MARKS}"
    rf"(?:{_SEPARATOR}[^\n.!?]{{0,24}}[.!?*_]{{0,4}})?\Z",
    re.IGNORECASE,
)
_BEGUN_CHARS = 200
_SENTENCE_END = re.compile(r"[.!?…][*_\"'’”)\]]{0,8}(?=\s|\Z)|[。！？]|\n")
_SPACE = re.compile(r"\s")
_REST_OF_LINE = re.compile(r"[ \t.!*_`|]{0,12}(?:\n|\Z)")
_FIELDS = [
    re.compile(name, re.IGNORECASE)
    for name in (rf"(?:final|overall|total)[\W_]?(?:{_NAMES})|overall|final", _LABEL, "value")
]
_NUMBER = re.compile(r"\d+(?:\.[1-9]\d*)?")
_SCALE_FIELD = [re.compile(r".*max.*|.*scale.*|.*out[\W_]?of.*", re.IGNORECASE)]

_CUT_OFF_WITHIN = 8
"""In a reply that its limit cut off, a number this close to the end may have been the beginning of '4 out of 10'."""


def parse_rating(reply: str, finish_reason: FinishReason) -> ParsedRating:
    """Reads the last score that a reply states.

    Args:
        reply: What the model wrote.
        finish_reason: Why it stopped. Where its limit cut it off before a score, or so close behind the digit that it
            may be the beginning of '4.5' or '4/10', the rating is 'truncated'.
    """
    text = _readable(reply)
    stated = _stated_score(text)
    if stated is None:
        return ParsedRating("truncated" if finish_reason == "length" else "unparsed")
    if stated.value is None:
        return ParsedRating("unparsed")
    tail = text[stated.end :]
    if finish_reason == "length" and len(tail) < _CUT_OFF_WITHIN and "\n" not in tail:
        return ParsedRating("truncated")
    return ParsedRating("scored", stated.value)


def reasons(reply: str, finish_reason: FinishReason) -> str | None:
    """The reasons in a reply without a score, so that the model can be asked for the score behind them.

    A sentence that the limit cut off is left out, and so is the beginning of a statement of a score ('Score:', 'Rating:
    good').

    Args:
        reply: What the model wrote, for which `parse_rating` finds no score.
        finish_reason: Why it stopped.

    Returns:
        None where the reply states a score that is no grade: the model has answered, on a scale of its own. A grade
        read in that place would be a default in disguise: what was to be '10' begins with a '1'.
    """
    text = _readable(reply).rstrip()
    stated = _stated_score(text)
    if stated is None:
        unfinished = _BEGUN.search(text, max(0, len(text) - _BEGUN_CHARS))
        if not unfinished and finish_reason != "length":
            return text
        # The space says that the last word is whole.
        return _whole_sentences(f"{text[: unfinished.start()]} " if unfinished else text)
    if parse_rating(reply, finish_reason).state == "truncated":
        return _whole_sentences(f"{text[: stated.begin]} ")
    return None


def _whole_sentences(text: str) -> str:
    """As far as the last sentence or line that ends; where none does, as far as the last whole word."""
    ends = [match.end() for match in _SENTENCE_END.finditer(text)] or [match.start() for match in _SPACE.finditer(text)]
    return text[: ends[-1]].strip() if ends else ""


def _readable(reply: str) -> str:
    """The words of a reply, with stars and words as numbers where they state a score."""
    text = _STARS.sub(_stars, own_words(reply))
    return _STATED_WORD.sub(lambda stated: f"{stated['head']}{_NUMBER_WORDS[stated['word'].lower()]}", text)


def _stars(match: re.Match[str]) -> str:
    digit, full, hollow = match.groups()
    return match[0] if digit else f"{len(full)}/{len(full + hollow)}" if hollow else str(len(full))


def _stated_score(text: str) -> Statement[float] | None:
    objects = list(_json_statements(text))
    statements = [
        *objects,
        *(_statement(text, match, "\n" in match[0]) for match in _STATEMENT.finditer(text)),
        *(_statement(text, match, True) for match in _HEADING.finditer(text)),
    ]
    bare = None if statements else _BARE.match(text)
    if bare:
        return _statement(text, bare, True)
    inside = [(span.begin, span.end) for span in objects]
    outside = (item for item in statements if item in objects or not any(a <= item.begin < b for a, b in inside))
    return verdict_of(text, outside)


def _statement(text: str, match: re.Match[str], alone: bool) -> Statement[float]:
    """What stands behind the head of a statement; `alone`: whether its number must have its line to itself."""
    grade = _GRADE.match(text, match.end())
    if grade is None or (alone and not _REST_OF_LINE.match(text, grade.end())):
        return Statement(match.start(), match.end() + 1, None)
    value = float(grade[1].replace(",", "."))
    wishes = "wishes" in match.re.groupindex and match["wishes"] is not None
    return Statement(match.start(), grade.end(), value if value <= 5 else None, wishes)


def _json_statements(text: str) -> Iterator[Statement[float]]:
    for begin, end, content in json_objects(text):
        grades = {_json_grade(value) for value in field_of(content, _FIELDS)}
        scales = {
            number for value in field_of(content, _SCALE_FIELD) for number in _NUMBER.findall(str(value))[-1:]
        } - {"5"}
        if grades:
            yield Statement(begin, end, None if scales or len(grades) > 1 else grades.pop())


def _json_grade(value: object) -> float | None:
    grade = None if isinstance(value, bool) else _GRADE.fullmatch(_readable(str(value)))
    return float(grade[1].replace(",", ".")) if grade and float(grade[1].replace(",", ".")) <= 5 else None
