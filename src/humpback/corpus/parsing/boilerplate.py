"""The meaning of an element's attributes: that it holds content, that it is boilerplate, that it is hidden.

Names are the words of classes and ids. A page repeats a few of them many times, so the meaning of each is cached. The
lists hold names that page builders all over the web use, never names of one site.
"""

from __future__ import annotations

import re
from functools import lru_cache

from lxml import etree

from humpback.corpus.parsing.sections import words

NEVER = words(
    "script style noscript noembed noframes template iframe frame frameset svg math canvas video audio object embed "
    "applet map select input textarea datalist option dialog head"
)
"""Elements that never hold content."""
FRAMES = words("nav footer menu")
"""Elements that hold content only where a page forgets to close them."""
INLINE = words(
    "a abbr b big cite code del em font i ins kbd label mark q s samp small span strong sub sup time tt u button"
)
HEADERS = words("h1 h2 h3 h4 h5 h6")
SECTIONS = words("main article")
PARTS = words("li dt dd tr td th thead tbody tfoot")
"""Parts of lists and tables."""
PANELS = words("div section article li tr figure details")


class Says:
    """The possible meanings of attributes, one bit each. Plain integers for speed: every element is examined."""

    CONTENT = 1
    """It may hold content."""
    BODY = 2
    """It is the body of an article, an entry or a post."""
    FURNITURE = 4
    COMMENTS = 8
    """It holds what readers wrote below the content."""
    MARK = 16
    """It is a small thing between words: the link to a header, text for screen readers."""
    CAPTION = 32
    NOTE = 64
    """It is a box beside the text and belongs to it."""
    EMBEDDED = 128
    """It is quoted from elsewhere, as a post from a social network is."""
    HIDDEN = 256
    UNSEEN = 512
    """It is hidden if its name means what it says."""
    RELATED = 1024
    """It leads to other pages of the kind, however much text it holds."""
    TEASER = 2048
    """It leads to another page, or is the lead of this one."""
    PICTURE = 4096
    """It holds a picture and what is written below it."""
    DATE = 8192
    """It says when something was published."""
    DIALOG = 16384
    """It lies over the page: a login, a question about cookies."""


_ALL = 2 * Says.DIALOG - 1


_LISTS: tuple[tuple[int, frozenset[str]], ...] = (
    (Says.CONTENT, words("article post posts story entry content main blog body text")),
    (
        Says.FURNITURE,
        words(
            "nav navbar navigation navigator menu submenu breadcrumb breadcrumbs crumbs sidebar footer share "
            "sharing sharebar shares social sociable related recommended recommendation recommendations newsletter "
            "disclaimer disclosure affiliate utility infobox factbox linkbox contact postmeta postmetadata entryfooter "
            "subscribe subscription signup promo promotion promoted advert adverts advertisement advertising ad ads "
            "adsense sponsor sponsored cookie cookies consent gdpr popup modal overlay pagination pager toc widget "
            "widgets toolbar tags tagcloud byline copyright skip masthead taboola outbrain trending popular "
            "editsection linenos lineno gutter noprint printonly hidden screenreader caption credit meta author bio "
            "follow login rating ratings"
        ),
    ),
    (Says.UNSEEN, words("hidden")),
    (Says.COMMENTS, words("comment comments commentlist nocomments disqus respond kommentare comentarios")),
    (Says.MARK, words("headerlink editsection anchorjs permalink anchor fn")),
    (Says.CAPTION, words("caption credit")),
    (Says.NOTE, words("note tip warning caution danger important admonition callout info hint")),
    (Says.EMBEDDED, words("embed embedded")),
    (Says.RELATED, words("related recommended recommendation recommendations taboola outbrain")),
    (Says.TEASER, words("teaser teasers")),
    (Says.PICTURE, words("image img photo picture bild foto")),
    (Says.DIALOG, words("modal dialog popup overlay cookie cookies consent gdpr login")),
    (Says.DATE, words("date dateline datum pubdate timestamp datetime published")),
)
_OWNER, _PLACE, _SEEN, _UNSEEN, _OTHER, _PAGES, _BELOW = (1 << bit for bit in range(17, 24))
"""Words with a meaning only in pairs: 'article' and 'body', 'screen' and 'only'."""
_LISTS += (
    (_OWNER, words("article post story entry main blog news")),
    (_PLACE, words("body content text")),
    (_SEEN, words("visually sr screen")),
    (_UNSEEN, words("hidden only reader")),
    (_OTHER, words("next prev previous latest similar")),
    (_PAGES, words("post posts article articles story stories news")),
    (_BELOW, words("subtitle description descriptif legend copyright source credits")),
)
_SAYS = {word: sum(flag for flag, listed in _LISTS if word in listed) for _, names in _LISTS for word in names}
TELLING = words("style role hidden aria-hidden itemprop")
"""Attributes besides names that say something."""
_ROLES = {
    "main": Says.BODY,
    **dict.fromkeys(words("navigation banner contentinfo complementary search dialog menu menubar"), Says.FURNITURE),
}
_HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden|:\s*line-through", re.IGNORECASE)
"""Struck-out text does not count either."""
_RESPONSIVE = re.compile(
    r"(?<!\S)(?=\S*hid(?:den|e))\S*(?<![A-Za-z])(?:xs|sm|md|lg|x?xl|[sml]|mobile|tablet|desktop|touch|phones?|small|medium|"
    r"large|print|screen-\w+)(?![A-Za-z])\S*|(?<!\S)hidden(?=\s(?:.*\s)?(?:sm|md|lg|x?xl|2xl):(?:block|flex|grid|inline|table))"
)
"""Classes that hide something on screens of one size, or on paper."""
_LABEL_HIDDEN = re.compile(r"label-{1,2}hidden")
"""What content management calls a field whose label alone is hidden."""
_BUILDER = re.compile(r"(?:elementor|siteorigin|so)-widget|(?<!\S)so-panel\s+widget(?:\s+widget_\S+)?")
"""What page builders call all that they place."""
_STATE = re.compile(
    r"hid|active|show|current|open|clos|collaps|visib|selected|fade|(?:^|-)in$|first|last|\d", re.IGNORECASE
)
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
LONGEST = 400
"""Characters of a list of names that are read."""


def attribute_says(name: str, value: str) -> int:
    """The meaning of one of the `TELLING` attributes, as bits of `Says`."""
    if name == "style":
        return Says.HIDDEN if "i" in value and _HIDDEN.search(value[:LONGEST]) else 0
    if name == "role":
        return _ROLES.get(value, 0)
    if name == "hidden" or (name == "aria-hidden" and value == "true"):
        return Says.HIDDEN
    return Says.BODY if value == "articleBody" else 0


@lru_cache(maxsize=1 << 14)
def names_say(label: str) -> int:
    """The meaning of a class or an id, as bits of `Says`."""
    says = 0
    if "hid" in label:
        label = _LABEL_HIDDEN.sub("", _RESPONSIVE.sub("", label))
    for word in _WORD.findall(_BUILDER.sub("", label) if "widget" in label else label):
        says |= _SAYS.get(word.lower(), 0)
    if says & _OWNER and says & _PLACE:
        says |= Says.BODY
    if says & _SEEN and says & _UNSEEN:
        says |= Says.MARK
    if says & _OTHER and says & _PAGES:
        says |= Says.RELATED | Says.FURNITURE
    if says & Says.PICTURE and says & _BELOW:
        says |= Says.CAPTION | Says.FURNITURE
    return says & _ALL


def kind_of(element: etree._Element) -> str:
    """The name that an element has in common with others: its classes without the state it is in, or its id."""
    if element.tag not in PANELS:
        return ""
    name = element.get("id", "")
    kind = _lasting(element.get("class", "")[:LONGEST]) or (name.rstrip("0123456789") if name[-1:].isdecimal() else "")
    return "" if names_say(kind) & (Says.FURNITURE | Says.COMMENTS) else kind


@lru_cache(maxsize=1 << 12)
def _lasting(classes: str) -> str:
    """Classes without those that name a state."""
    return " ".join(name for name in classes.split() if not _STATE.search(name))
