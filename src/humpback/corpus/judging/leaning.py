"""Filters against text that depends on what surrounded it on its page.

A reader of the piece alone has its titles, but not the paragraphs before it, the figures (which are never kept) or the
page's links. A reference to earlier or later text counts only if that text cannot be in the piece: the document does
not begin with the piece and the reference is at its beginning, or the reference is at its end. The phrases are
English; pieces in other languages pass.
"""

from __future__ import annotations

import re
from functools import cache

from humpback.config import SegmentSettings
from humpback.corpus.cutting.asides import DOTTED, is_legal
from humpback.corpus.cutting.piece import Piece
from humpback.corpus.languages import pattern_of, rule, words_of
from humpback.corpus.languages.phrases import Phrases, phrases

_EDGE = 250
"""Characters at the beginning of a piece in which a reference to earlier text leads out of the piece."""
_LEAD = 60
"""Characters in front of a numbered thing that may make it a reference."""
_FORM = re.compile(r"^\s{0,8}(?:\||```|~~~|\$\$)", re.MULTILINE)
"""A table, a listing or a formula: the one that is spoken of, as like as not."""
_TAIL = 120
"""The same for later text at its end."""
_HEADER = re.compile(r"(?:\s{0,4}#{1,6} [^\n]{0,400}(?:\n|$))+")
_MARKUP = re.compile(r"[\s>*_\-+\"'“‘(\[]*")
_ENTRY = re.compile(r"\*\*[^\n*`()\[\]=<>.:_/]{1,60}\*\*\n\n- ")
"""A term in plain words with what it means: no name of a function, an option or the like."""

SAID = "(?:see|saw|seen|shown?|mentioned|discussed|described|noted|explained|stated|listed|outlined|introduced|said)"
_FIGURE_WORDS = (
    "figure image picture photo screenshot screencast diagram illustration chart graph infographic video gif animation"
).split()
_FIGURE = f"(?:{'|'.join(_FIGURE_WORDS)}|photograph|screen shot|embed)s?"
_NUMBER = "(?:one|two|three|four|five|six|[1-9])"
_THINGS = (
    "(?:one|thing|piece|step|part|option|way|problem|reason|question|example|approach|challenge|change|issue|line|"
    "method|type|kind|goal|benefit|advantage)s?"
)

_NEVER_FIRST = re.compile(
    r"(?:however|therefore|thus|hence|moreover|furthermore|additionally|nevertheless|nonetheless|likewise"
    r"|accordingly|consequently|conversely|similarly|afterwards?|thereafter|subsequently|also|besides|meanwhile"
    r"|otherwise|instead|as a result|in addition|in contrast|on the other hand"
    r"|(?:for|because of|after|in) (?:this|that)(?: reason| case)?)"
    r"(?:[*_]{0,3},| of (?:this|that|these|those)\b)"
    r"|(?:therefore|thus|hence|moreover|furthermore|nevertheless|consequently)\b"
    r"|(?:this|it|these|they|there|that)(?:['’]s)?(?: \w{1,12}){0,2} also\b"
    rf"|as (?:(?:i|we|you|already|previously|just|was|is)(?:['’]ve| have)? ){{0,3}}{SAID} (?:above|earlier|before)\b"
    r"|(?:the )?(?:above|aforementioned|former|latter)\b",
    re.IGNORECASE,
)
"""Beginnings that no self-contained text has, whatever its position in the document."""
_NEVER_LATER = re.compile(
    r"(?:And|But|Or|Yet|Then|So|Next|Finally|Lastly|Secondly|Thirdly|Ok(?:ay)?|OK|Well|Alright|Now),? (?!you want|many)"
    r"|(?:Once|After) (?:I|we|this|that|these|all (?:this|that|these))\b|A few (?:remarks|notes|words) (?:are|on)\b"
    r"|(?:[2-9]|1\d)[.)]\s|(?:Anyway|Of course),|In (?:this|that|such a|either) case\b|Notice that\b"
    r"|Note (?:that here|how)\b"
    r"|There (?:is|are) (?:also|another|other|one (?:other|more))\b|(?:Let['’]s|Let us) (?:now|also)\b"
    r"|Finally\b|This time\b"
    r"|Another\b"
    rf"|The (?:other|same|second|third|previous|next|last|remaining|final) {_THINGS}\b"
    r"|The (?:next|following|previous) (?:day|morning|evening|week|month|year)s?\b"
    r"|The (?:resulting|(?:example|code|script|command|output|query|snippet)s? (?:above|below|also|then))\b"
    r"|(?:He|She|They|His|Her|Their|Theirs|Him|Them)\b"
    r"|That\b|Those (?!who|that|of)"
    r"|This (?:example|code|script|snippet|command|query|line|output|step|change|time|error|approach|one|means|was"
    r"|report|is (?:because|why|where))\b"
    rf"|These (?:{_NUMBER}|commands|lines|examples|changes|steps|questions)\b"
    r"|(?:I|We|You|It)(?: can| could| may| might| will| should)? (?:also|then|later|next|now)\b"
    r"|(?:I|We|You)(?:['’]ve| have)? (?:already|just) \w{2,20}ed\b"
    r"|(?:Earlier|Previously),? (?:I|we|you)\b|Recall\b|As (?:before|above|you (?:can see|saw))\b"
    r"|Back (?:to|in|at)\b|Going back\b|Moving on\b|Let['’]s (?:go back|move on|continue|return)\b|Continuing\b"
    r"|(?:[^\s.]{1,40} ){1,4}(?:also|too|as well(?! as))\b"
)
"""Beginnings that are fine at the start of a document only."""
_SPEAKER = re.compile(r"[\"“][^\n]{1,400},[\"”] (?:(?:said|says) [A-Z]\w+|[A-Z]\w+ (?:said|says))\b")
"""Somebody who was introduced before speaks;"""
_PRONOUN = re.compile(r"It (?!(?:is|was|takes?|seems?|makes|helps|(?:can|may|will|would) be)\b)\w")
"""or something that was named before is spoken of."""
_LATER_HEADER = re.compile(
    r"\b(?:of|to|for|with|the) (?:the )?(?:above|previous)\b|\bcont(?:inued|['’]d|\.)?\)?$", re.IGNORECASE
)
"""A header that refers to an earlier one."""


_ELSEWHERE = (
    phrases(
        "above,below,following,accompanying",
        rf"\b(?:the|this|our|my|these) (?:\w{{1,20}} )?{_FIGURE} (?:just )?(?:above|below)\b",
        rf"\b(?:above|below|following|accompanying) {_FIGURE}\b",
        r"\b(?:link|comment|form|button)s?(?: section)? below\b",
        r"\bpictured (?:above|below|left|right)\b",
        r"\bsee (?:the )?[\"“'][^\"”'\n]{1,60}[\"”'] (?:section )?(?:above|below)\b",
    ),
    phrases(
        "fig.,figure ",
        r"\b(?:see|in|from|on|of) (?:the )?fig(?:ure|\.) ?\d",
        r"\(fig(?:ure|\.) ?\d",
        r"^\W{0,6}fig(?:ure|\.) ?\d{1,3}[.:]",
    ),
    phrases(
        ",".join((*_FIGURE_WORDS, "screen shot")),
        r"\b(?:see|watch|view|click(?: on)?) (?:the|this|our|my) "
        r"(?!(?:big(?:ger)?|whole|full(?:er)?|larger|broad(?:er)?|wider|complete|entire|clear(?:er)?|true) picture)"
        rf"(?:\w{{1,20}} )?{_FIGURE}\b",
        rf"\b(?:shown|seen|pictured|illustrated|you can see) (?:in|on) (?:the|this) (?:\w{{1,20}} )?{_FIGURE}\b",
        r"\b(?:here['’]s|here is|this is) (?:a|the|an) (?:\w{1,20} )?"
        r"(?:image|picture|photo|screen ?shot|screencast|diagram|video|gif) (?:of|showing|from)\b",
        rf"\b(?:the|this) {_FIGURE} (?:to|on|at) the (?:left|right)\b",
        r"\bin (?:the|this) (?:photo|screen ?shot|video)s?(?=[.,;:!?)]| (?:above|below|you|we|i|is|are|shows?)\b)",
    ),
    phrases(
        " here",
        r"\b(?:tap|press|go|look|read|more|see|available|found|explained|visit"
        r"|check(?: it)?(?: out)?|download(?: it)?) here\b"
        r"(?!:| (?:to|and|than|is|are|was|from)\b)",
        r"\bclick(?:ing)?(?: on)? here\b",
    ),
    phrases(
        "link,[here",
        r"\b(?:visit|see|follow|use|check(?: out)?|refer(?: to)?|through|via|on|at|from) (?:this|the following|these) "
        r"(?:\w{1,20} )?links?\b(?! (?:tag|text|element|attribute|to))",
        r"\bsee (?:the )?links?\b(?! (?:tag|text|element|attribute|to))",
        r"\bclick(?:ing)?(?: on)? \[here\]",
    ),
    phrases(
        "previous,preceding,last ,next ,upcoming,future,part ,stay tuned,tune in",
        r"\b(?:previous|preceding|last|upcoming|next|future) (?:blog )?(?:post|article|lesson|tutorial|episode|"
        r"instalment|installment)s?\b(?! (?:of|is to|i|he|she|they)\b)",
        rf"\b(?:this is|in|see|read) part {_NUMBER}\b",
        rf"\bpart {_NUMBER} (?:of|in) (?:a|the|our|this) (?!act|regulation|law|code|constitution|treaty)",
        r"\b(?:previous|preceding|last) chapter\b(?! (?:of|in (?!this|the|our)))",
        r"\bstay tuned",
        r"\btune in (?:for|next|to (?:our|my|the next))\b",
    ),
    phrases(
        "series,see this,read on,keep reading,scroll ",
        r"\b(?:first|second|third|fourth|fifth|final|latest|last) (?:(?:article|post|part|piece|entry|video|"
        r"lesson|instal?lment) )?(?:in|of) (?:a|the|our|my|this) (?:\S{1,20} ){0,2}series\b",
        r"\bsee this (?:\w{1,20} )?(?:page|post|article|guide|tutorial|site|website|blog)\b",
        r"\b(?:read on (?:to|for)|keep reading(?= to| for (?!pleasure|fun|hours)|[:!]| below)"
        r"|scroll (?:down|up) (?:to (?:see|read|view|find out|learn)|for (?:more|the)))\b",
    ),
)
"""References to what only the page or its site has: figures, forms, the targets of links, other parts."""
_FURTHER_ON = phrases(
    "later,next ,following ,we will,we'll,we’ll,we shall",
    r"\b(?:explain(?:s|ed)?|discuss(?:ed)?|cover(?:ed)?|described|more on (?:this|that)) later\b",
    r"\b(?:return|come back) to (?:this|that) later\b",
    r"\bthe (?:next|following) (?:few|two|three|several|couple of) (?:paragraphs|(?:sub)?sections|chapters|pages)\b",
    r"\b(?:as|that|which) we(?:['’]ll| will| shall) (?:see|discuss|describe|explain|learn|show) (?:later|below|soon)\b",
    r"\blater (?:on )?in (?:this|the) (?:article|post|section|chapter|guide|tutorial|book|lesson|series|page)\b",
)
"""References to later parts of the document."""
_INTRODUCES = phrases(
    "this ,the aim,the goal,the purpose,'ll,’ll,will,going to,here are,here is,about to",
    r"\b(?:this|the) (?:blog )?(?:post|article|guide|tutorial|series|page|document|book|course) "
    r"(?:will|aims|covers|outlines|explains|describes|discusses|explores|focuses|shows)\b",
    r"\b(?:aim|goal|purpose|point) of this (?:post|article|guide|tutorial|series|page)\b",
    r"\b(?:we|i)(?:['’]ll| will|['’](?:m|re) (?:going|about) to| (?:am|are) (?:going|about) to) "
    r"(?:\w{1,12}ly |now |first )?(?:cover|outline|explain|describe|discuss|explore|walk|show|share|look at"
    r"|go (?:through|over)|talk about|introduce|demonstrate|examine|dive|focus)\b",
    r"\bhere (?:are|is) (?:my|our|the|some|a few) (?:\w{1,12} )?"
    r"(?:notes?|steps|tips|ways|things|lessons|examples|instructions)\b",
)
"""The end of an introduction whose continuation is elsewhere."""
_SHOWN_ABOVE = phrases(
    "above",
    r"\bthe above (?:is|are|shows?|illustrates?|depicts?|represents?)\b",
    r"\babove (?:is|are) (?:a|an|the|some|one)\b",
)
"""References to a figure or a listing directly before them."""
_LISTING = re.compile(r"```|~~~|^\s{0,8}(?:[-*+•|>]|\d{1,3}[.)]) |^\||^(?:    |\t)", re.MULTILINE)
_BACK = phrases(
    "above,earlier,before,previous,preceding,last ,like this, example,this table,this list",
    r"\b(?:in|into|from|of|to|with) (?:our|this|the same) (?:example|table|list)\b(?! of)",
    rf"\b{SAID} (?:above|earlier|before|previously)\b",
    r"\b(?:earlier|previously) (?:mentioned|discussed|described)\b|\blike this,",
    r"\b(?:the|this|that|these|our|your) above\b",
    r"\babove (?:example|code|section|list|table|step|command|paragraph|query|script|function|output|method)s?\b",
    r"\b(?:example|code|section|list|table|step|command|snippet|script|output|query)s? above\b",
    r"\b(?:previous|preceding|last) (?:section|paragraph|example|exercise|page)s?\b",
)
_OF_CODE = "example|code|script|command|snippet|query|output|configuration|config|program|function|file"
_ABOVE = phrases(
    "above",
    rf"\b(?:above (?:(?P<code>{_OF_CODE})|list|table)s?"
    rf"|(?:the|this|our) (?:\w{{1,20}} )?(?:(?P<of_code>{_OF_CODE})|list|table)s? above)\b",
)
"""The same wherever they stand, where nothing of the kind is in front of them."""
_CODE_LINE = re.compile(r"^\s{0,12}(?:```|~~~)|^(?:    |\t)", re.MULTILINE)
_ON = phrases(
    "below,next ,following ,later ,subsequent",
    r"\b(?:see|shown|listed|described|as|found|look|given) below\b",
    r"\b(?:next|following|later|subsequent) (?:section|paragraph|chapter)s?\b",
    r"\b(?:example|code|list|table|step|command|resource)s? below\b",
)
_FENCED_END = ("```", "~~~", "|")


def opens_inside(piece: Piece, settings: SegmentSettings) -> str | None:
    """It opens in the middle of a train of thought: 'However,', 'This also', 'As we saw above'."""
    if not piece.opens and _LATER_HEADER.search(piece.header[:400]):
        return f"header {piece.header[:80]!r}"
    if piece.part > 1 and _ENTRY.match(piece.text) and "gloss" not in piece.header.lower():
        return "opens with a later entry of a list of terms"
    if piece.begins_at == "list item" or (piece.part > 1 and piece.text.startswith("  ")):
        return "opens with a later item of a list"
    start = _beginning(piece.spoken)
    if piece.part > 1 and (_SPEAKER.match(piece.text) or _PRONOUN.match(piece.spoken, start)):
        return f"opens with {piece.text[:40]!r}"
    openings = [(_NEVER_FIRST, "never first"), (_NEVER_LATER, "never later")][: 1 if piece.opens else 2]
    match = None
    for english, section in openings:
        first = re.compile(pattern_of(settings.languages, section), re.IGNORECASE)
        match = match or english.match(piece.spoken, start) or first.match(piece.spoken, start)
    return f"opens with {shown(piece.spoken, start, match.end() + 20)!r}" if match else None


def leans_on_page(piece: Piece, settings: SegmentSettings) -> str | None:
    """It points at what is not in it: 'see above', 'in the previous section', 'click here', 'the figure below'."""
    text = piece.lowered
    codes = settings.languages
    match = next(filter(None, (phrase.search(text) for phrase in (*_ELSEWHERE, rule(codes, "elsewhere")))), None)
    match = match or _refers(piece, codes) or _spoken_of(piece)
    if not match and not piece.closes:
        match = _FURTHER_ON.search(text) or _INTRODUCES.search(text, max(0, len(text) - _EDGE))
    if not match and not _LISTING.search(piece.text):
        match = _SHOWN_ABOVE.search(text)
    if not match and not piece.opens:
        match = _BACK.search(text, 0, _EDGE) or rule(codes, "above").search(text, 0, _EDGE)
        if match and "```" in piece.text[: piece.text.lower().find(match.group())]:
            match = None
    if not match and not piece.text.endswith(_FENCED_END):
        tail = max(0, len(text) - _TAIL)
        match = _ON.search(text, tail) or rule(codes, "below").search(text, tail)
    if match:
        return f"says {shown(text, max(0, match.start() - 20), match.end() + 20)!r}"
    return f"its code uses {', '.join(piece.borrows[:3])}, defined in front of it" if piece.borrows else None


def _spoken_of(piece: Piece) -> re.Match[str] | None:
    """An example or a list 'above' that is not in the piece, however far from its beginning it is spoken of."""
    if piece.opens or "above" not in piece.lowered:
        return None
    for match in _ABOVE.matches(piece.lowered):
        form = _CODE_LINE if match["code"] or match["of_code"] else _LISTING
        before = piece.text[: max(0, piece.text.lower().find(match.group()))]
        if not form.search(before):
            return match
    return None


def _refers(piece: Piece, languages: tuple[str, ...]) -> re.Match[str] | None:
    """A reference to a numbered part, table, listing or formula that is not in the piece, and not one to a law."""
    text = piece.lowered
    numbered, leads, shows = _numbered(languages)
    for match in numbered.matches(text):
        lead = leads.search(text, max(0, match.start() - _LEAD), match.start())
        strong = (lead and lead["see"]) or shows.match(text, match.end())
        if match["part"] and (is_legal(match, languages) or not (strong or (lead and DOTTED.search(match.group())))):
            continue
        if match["thing"] and (not (strong or lead) or _FORM.search(piece.text)):
            continue
        name = match.group()
        label = rf"^[\W_]{{0,8}}(?i:{re.escape(name)}|{re.escape(name.split()[-1])})(?!\w)[\W_]{{0,4}}(?:$|[A-Z])"
        if not re.search(label, piece.text, re.MULTILINE):
            return match
    return None


@cache
def _numbered(languages: tuple[str, ...]) -> tuple[Phrases, re.Pattern[str], re.Pattern[str]]:
    """What has a number, the words in front of it that make it a reference, and those behind it."""
    see, within, shows, things, parts, other = (
        pattern_of(languages, section) for section in ("see", "in", "shows", "things", "parts", "of")
    )
    words = words_of(languages, "things") + words_of(languages, "parts")
    numbered = rf"(?:(?P<thing>{things})|(?P<part>{parts}))(?! ?(?:{other}))"
    lead = rf"(?:(?P<see>{see})|{within})[ ,:]{{0,2}}(?:\w{{1,15}} ){{0,2}}$"
    return (
        Phrases(dict.fromkeys(words, re.compile(numbered))),
        re.compile(lead),
        re.compile(rf"\)?.{{0,2}}?(?:{shows})"),
    )


def _beginning(text: str) -> int:
    """The offset of the first sentence, behind headers and markup."""
    at = _MARKUP.match(text).end()  # type: ignore[union-attr]
    header = _HEADER.match(text)
    return _MARKUP.match(text, max(at, header.end() if header else 0)).end()  # type: ignore[union-attr]


def shown(text: str, start: int, end: int) -> str:
    """A part of a text in one line."""
    return " ".join(text[start:end].split())
