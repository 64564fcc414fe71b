"""The pages of the crawl: which stands where, what is planted in it, and its HTML in the furniture of a real page.

Every page follows from the seed and its number alone, so that any can be made again when a later one is to resemble it,
and nothing is kept in memory. Kinds of page: articles (one text under the page's own header, or sections under h2);
copies of an earlier article, whole, on the same site or another; thin pages of links; pages in other languages.
"""

from __future__ import annotations

import html
import random
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

from planted.furniture import CONTENT, TITLE, Template
from planted.text import HARD, LEVELS, Pool, Section, marker_word

Kind = Literal["article", "copy", "thin", "foreign"]

SITES_PER_PAGES = 40
"""One site for so many pages."""
_MAX_SECTIONS = 16
_THIN, _FOREIGN, _HARD = 0.08, 0.03, 0.04
_SECTIONED = 0.75
"""Share of the articles that have sections; the others are one text."""
_LINED = 0.4
_FIRST = 20
"""Pages before the first copy."""
_LEAST_SECTIONED = 3400
"""Characters: more than a segment may have, so that a page of sections is not taken as one."""
_LINES = (
    "{site} is read by thousands of people every week. Subscribe to our weekly letter and never miss a story.",
    "Join the conversation: follow {site} and tell us what you think of this article.",
    "This story first appeared on {site}. Reprints need the written permission of the publisher.",
    "Support independent writing. {site} depends on readers like you, so please consider a small donation today.",
    "Editor's note: {site} corrects errors as soon as they come to our attention.",
    "Our partners at {site} may earn a commission if you buy something through one of the links on this page.",
)


@dataclass(frozen=True, slots=True)
class Site:
    """A host with its furniture, its recurring lines and the way it declares its charset."""

    host: str
    template: Template
    lines: tuple[str, ...]
    charset: str
    declared: tuple[str, ...]
    """Where: 'header', 'meta'."""


@dataclass(frozen=True, slots=True)
class Planted:
    """What is known of one section of a page."""

    marker: str
    family: int
    variant: Literal["base", "near", "hard", "foreign"]
    jaccard: float
    """Of its word 5-grams with those of the base; for a hard negative those of the base it looks like."""
    looks_like: int | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """A page and what is known of it."""

    number: int
    kind: Kind
    url: str
    site: Site
    title: str
    html: str
    planted: tuple[Planted, ...]
    copy_of: int | None
    level: float


@dataclass(frozen=True, slots=True)
class _Sketch:
    """The part of a page's plan that asks for no other page."""

    kind: Kind
    sizes: tuple[int, ...]
    near: frozenset[int] = frozenset()
    """Sections that are near-duplicates of sections elsewhere."""
    hard: frozenset[int] = frozenset()
    lined: bool = False
    """Whether the site's lines stand in the last section too; nothing on such a page is taken up elsewhere."""


@dataclass(frozen=True)
class Crawl:
    """All pages of one seed."""

    seed: int
    count: int
    duplicates: float
    """Share of the pages that hold a planted near-duplicate section; 2/5 as many again are copies of whole pages."""
    pool: Pool
    foreign: dict[str, Pool]
    templates: tuple[Template, ...]

    @cached_property
    def sites(self) -> tuple[Site, ...]:
        """The hosts, fewer pages to each the further down."""
        return tuple(self._site(number) for number in range(max(8, self.count // SITES_PER_PAGES)))

    def page(self, number: int) -> Page:
        """Makes a page."""
        rng = self._rng("page", number)
        sketch = self._sketch(number)
        site = self._site_of(number)
        if sketch.kind == "thin":
            title, body = self.pool.title(rng), self._links(rng, site)
            return self._finished(number, sketch, site, title, body, ())
        if sketch.kind == "foreign":
            pool = self.foreign[rng.choice(sorted(self.foreign))]
            section, known = self._new(number, 0, sketch.sizes[0], pool, "foreign")
            return self._finished(number, sketch, site, pool.title(rng), section.html(), (known,))
        source, level = self._source(number)
        if source != number and rng.random() < 0.5:
            site = self._site_of(source)
        sections, known = self._sections(source, number, level)
        title = self.pool.title(self._rng("title", source))
        body = _body(sections, self._site_of(source).lines, self._sketch(source).lined)
        return self._finished(number, sketch, site, title, body, known, source if source != number else None, level)

    def planted(self, number: int) -> list[tuple[Section, Planted]]:
        """The sections of an article or a copy, without the page around them."""
        if self._sketch(number).kind not in ("article", "copy"):
            return []
        source, level = self._source(number)
        return list(zip(*self._sections(source, number, level), strict=True))

    def _finished(self, number: int, sketch: _Sketch, site: Site, title: str, body: str, planted: tuple[Planted, ...],
                  copied: int | None = None, level: float = 1.0) -> Page:  # fmt: skip
        slug = "-".join(word for word in title.lower().split() if word.isalpha())[:60]
        url = f"https://{site.host}/{2010 + number % 16}/{number:07d}-{slug or 'page'}"
        charset = f'<meta charset="{site.charset}">' if "meta" in site.declared else ""
        head = html.escape(title)
        inner = body if site.template.titled else f"<h1>{head}</h1>\n{body}"
        whole = site.template.html.replace("<head>", f"<head>{charset}", 1).replace(TITLE, head).replace(CONTENT, inner)
        return Page(number, sketch.kind, url, site, title, whole, planted, copied, level)

    def _sections(self, source: int, number: int, level: float) -> tuple[list[Section], tuple[Planted, ...]]:
        """The sections of a page; of a copy those of its source, changed."""
        sketch = self._sketch(source)
        taken: set[int] = set()
        found = []
        for at, size in enumerate(sketch.sizes):
            found.append(self._section(source, at, size, sketch, taken))
        if source != number:
            found = [self._changed(base, known, number, at, level) for at, (base, known) in enumerate(found)]
        return [section for section, _ in found], tuple(known for _, known in found)

    def _section(self, page: int, at: int, size: int, sketch: _Sketch, taken: set[int]) -> tuple[Section, Planted]:
        rng = self._rng("planted", page, at)
        like = self._base(page, rng, taken) if at in sketch.near | sketch.hard else None
        if like is None:
            return self._new(page, at, size, self.pool, "base")
        taken.add(like)
        base, known = self._again(like)
        if at in sketch.near:
            return self._changed(base, known, page, at, rng.choice(LEVELS))
        family = page * _MAX_SECTIONS + at
        marker = marker_word(family)
        section = _renamed(self.pool.varied(base, rng, rng.choice(HARD)), known.marker, marker)
        return section, Planted(marker, family, "hard", round(base.jaccard(section), 3), like)

    def _new(self, page: int, at: int, size: int, pool: Pool, variant: Literal["base", "foreign"],
             ) -> tuple[Section, Planted]:  # fmt: skip
        family = page * _MAX_SECTIONS + at
        marker = marker_word(family)
        section = pool.section(self._rng("section", page, at), marker, size)
        return section, Planted(marker, family, variant, 1.0)

    def _again(self, family: int) -> tuple[Section, Planted]:
        page, at = divmod(family, _MAX_SECTIONS)
        return self._new(page, at, self._sketch(page).sizes[at], self.pool, "base")

    def _changed(self, base: Section, known: Planted, page: int, at: int, level: float) -> tuple[Section, Planted]:
        section = self.pool.varied(base, self._rng("changed", page, at), level)
        return section, Planted(known.marker, known.family, "near", round(base.jaccard(section), 3))

    def _base(self, page: int, rng: random.Random, taken: set[int]) -> int | None:
        """A base section of an earlier page; one in six is drawn from few pages, so that some families are large."""
        for _ in range(20 if page else 0):
            other = rng.randrange(page)
            if rng.random() < 1 / 6:
                other -= other % 50
            sketch = self._sketch(other)
            at = rng.randrange(len(sketch.sizes)) if sketch.sizes else 0
            family = other * _MAX_SECTIONS + at
            free = sketch.kind == "article" and not sketch.lined and at not in sketch.near | sketch.hard
            if free and family not in taken:
                return family
        return None

    def _source(self, page: int) -> tuple[int, float]:
        """The page itself; for a copy an earlier article with nothing planted in it, and how alike the two are."""
        rng = self._rng("source", page)
        while page and self._sketch(page).kind == "copy":
            sketch = self._sketch(other := rng.randrange(page))
            if sketch.kind == "article" and not (sketch.near | sketch.hard or sketch.lined):
                return other, rng.choice(LEVELS)
        return page, 1.0

    def _sketch(self, number: int) -> _Sketch:
        rng = self._rng("sketch", number)
        draw = rng.random()
        if draw < _THIN:
            return _Sketch("thin", ())
        if draw < _THIN + _FOREIGN and self.foreign:
            return _Sketch("foreign", (rng.randint(900, 2600),))
        if draw < _THIN + _FOREIGN + 0.4 * self.duplicates and number > _FIRST:
            return _Sketch("copy", ())
        lined = rng.random() < _LINED
        if rng.random() > _SECTIONED:
            return _Sketch("article", (rng.randint(900, 2500),), lined=lined)
        sizes = [rng.randint(750, 2300) for _ in range(rng.randint(3, 6))]
        while sum(sizes) < _LEAST_SECTIONED:
            sizes.append(rng.randint(750, 2300))
        sectioned = (1 - _THIN - _FOREIGN - 0.4 * self.duplicates) * _SECTIONED
        chosen = frozenset(rng.sample(range(len(sizes)), rng.choice((1, 1, 2))))
        if (draw := rng.random()) < self.duplicates / sectioned:
            return _Sketch("article", tuple(sizes), near=chosen)
        if draw > 1 - _HARD / sectioned:
            return _Sketch("article", tuple(sizes), hard=chosen)
        return _Sketch("article", tuple(sizes), lined=lined)

    def _site_of(self, number: int) -> Site:
        return self.sites[int(len(self.sites) * self._rng("site", number).random() ** 1.7)]

    def _site(self, number: int) -> Site:
        rng = self._rng("host", number)
        host = f"www.{marker_word(number)[:8]}.{rng.choice(('com', 'org', 'net', 'co.uk', 'info'))}"
        weights = [1 / template.size for template in self.templates]
        template = rng.choices(self.templates, weights)[0]
        charset = rng.choices(("utf-8", "windows-1252", "iso-8859-1", "windows-1251"), (94, 3, 2, 1))[0]
        declared = rng.choice((("header",), ("meta",), ("header", "meta")))
        lines = tuple(line.format(site=host.split(".")[1].title()) for line in rng.sample(_LINES, rng.randint(1, 3)))
        return Site(host, template, lines, charset, declared)

    def _links(self, rng: random.Random, site: Site) -> str:
        titles = [html.escape(self.pool.title(rng)) for _ in range(9)]
        links = "".join(f'<li><a href="https://{site.host}/{at}">{title}</a></li>' for at, title in enumerate(titles))
        return f"<p>{html.escape(rng.choice(self.pool.headers))}</p>\n<ul>{links}</ul>"

    def _rng(self, *what: str | int) -> random.Random:
        return random.Random(f"{self.seed} {' '.join(map(str, what))}")


def _body(sections: list[Section], lines: tuple[str, ...], lined: bool) -> str:
    """The content: one of the site's lines before the first header, the others at the end where the page has them."""
    said = [f"<p>{html.escape(line)}</p>" for line in lines]
    last = said[1:] or said if lined else []
    if len(sections) == 1:
        return "\n".join([sections[0].html(), *last])
    parts = [f"<h2>{html.escape(section.header)}</h2>\n{section.html()}" for section in sections]
    return "\n".join([said[0], *parts, *last])


def _renamed(section: Section, old: str, new: str) -> Section:
    """The section under another marker."""
    blocks = (
        replace(block, pieces=tuple(new if piece == old else piece for piece in block.pieces))
        for block in section.blocks
    )
    return Section(section.header, tuple(blocks))
