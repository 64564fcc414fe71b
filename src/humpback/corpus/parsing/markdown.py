"""Markdown: the source is kept, cut at its headers and freed of what is not text.

markdown-it parses blocks only, which is linear; inside a line a few patterns do the rest. Dropped: front matter,
images and badges, link definitions, entries of a table of contents, raw HTML tags. Links keep their target where it
means something outside the document. Code is left alone.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from markdown_it import MarkdownIt
from markdown_it.token import Token

from humpback.corpus.parsing.html import parse_fragment
from humpback.corpus.parsing.raised import inline_markup
from humpback.corpus.parsing.sections import Block, Header, Page

_FRONT = re.compile(r"\A(---|\+\+\+)[ \t]*\n(.*?\n)(?:\1|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
_TITLE = re.compile(r"^title\s*[:=]\s*(.+?)\s*$", re.MULTILINE | re.IGNORECASE)
_TIGHT_HEADER = re.compile(r"^(#{2,6})(?=[^\W_])", re.MULTILINE)
_CODE_SPAN = re.compile(r"(`+[^`\n]{1,400}`+)")
_LINKED_IMAGE = re.compile(
    r"\[\s*!\[[^\[\]]{0,300}\](?:\([^()\s]{0,2000}[^()]{0,300}\)|\[[^\[\]]{0,200}\])\s*\]"
    r"(?:\([^()\s]{0,2000}[^()]{0,300}\)|\[[^\[\]]{0,200}\])?"
)
_IMAGE = re.compile(r"!\[[^\[\]]{0,300}\](?:\([^()\s]{0,2000}(?:\([^()\s]{0,200}\))?[^()]{0,300}\)|\[[^\[\]]{0,200}\])")
_LINK = re.compile(
    r"\[([^\[\]]{1,500})\]\(\s*<?([^()\s<>]{0,2000}(?:\([^()\s]{0,200}\))?[^()\s<>]{0,2000})>?"
    r"(?:\s+[\"'(][^()]{0,300}[\"')])?\s*\)"
)
_REFERENCE = re.compile(r"\[([^\[\]]{1,300})\][ ]?\[([^\[\]]{0,200})\]")
_SHORTCUT = re.compile(r"\[([^\[\]]{1,300})\](?![\[(:])")
_CONTENTS_ENTRY = re.compile(r"^\s*(?:[-*+]|\d{1,3}[.)])\s+\[[^\[\]]{1,300}\]\(#[^()\s]{0,300}\)\s*$")
_TAG = re.compile(
    r"</?(?:a|abbr|b|big|br|center|cite|code|dd|del|details|div|dl|dt|em|font|h[1-6]|hr|i|img|ins|kbd|li|mark|ol|p|"
    r"picture|q|s|samp|small|source|span|strong|sub|summary|sup|table|tbody|td|th|thead|tr|tt|u|ul|var|video)"
    r"(?:\s[^<>]{0,1000})?/?>|<!--.{0,2000}?-->",
    re.IGNORECASE,
)
_NOTHING = re.compile(r"^[\s|>*_\-+:.,·•#\\/()\[\]]*$")
_GONE = "\x00"
"""Stands in for a line that is taken out; the text itself holds no NUL any more."""
_ATTRIBUTES = re.compile(r"\s*\{[#.:][^{}]{0,200}\}\s*$|\s+#+\s*$")


def parse_markdown(text: str) -> Page:
    """Markdown to a page; its title is that of the front matter."""
    title = ""
    front = _FRONT.match(text)
    if front:
        title_line = _TITLE.search(front.group(2))
        title = title_line.group(1).strip("\"'") if title_line else ""
        text = text[front.end() :]
    text = _TIGHT_HEADER.sub(r"\1 ", text)
    source = text.split("\n")
    found_links: dict[str, dict[str, object]] = {}
    tokens = _parser().parse(text, found_links)
    _rewrite(source, tokens, found_links.get("references", {}))
    return Page(title, tuple(_blocks(source, tokens)))


def inline(text: str, references: Collection[str] = ()) -> str:
    """Text of a paragraph without images and HTML tags, links made plain where they lead nowhere; code as it is.

    Args:
        text: One line or more.
        references: Names of the document's link definitions, in upper case.
    """
    parts = _CODE_SPAN.split(text)
    for index in range(0, len(parts), 2):
        part = parts[index]
        if "[" in part:
            part = _IMAGE.sub("", _LINKED_IMAGE.sub("", part))
            part = _REFERENCE.sub(r"\1", _LINK.sub(_link, part))
            if references:
                part = _SHORTCUT.sub(lambda m: m[1] if " ".join(m[1].split()).upper() in references else m[0], part)
        if "<" in part or "~~" in part:
            part = _TAG.sub("", inline_markup(part))
        parts[index] = part
    return "".join(parts)


def _parser() -> MarkdownIt:
    return MarkdownIt("commonmark").enable("table").disable(["inline", "text_join"])


def _link(match: re.Match[str]) -> str:
    text, target = match.group(1), match.group(2)
    if not target.startswith(("http://", "https://")) or text == target:
        return text
    return f"[{text}]({target})"


def _rewrite(source: list[str], tokens: list[Token], references: Collection[str]) -> None:
    """Cleans the lines of every paragraph in place, a paragraph of several lines becoming one."""
    covered = bytearray(len(source))
    in_table = 0
    for token in tokens:
        if token.type in ("table_open", "table_close"):
            in_table += 1 if token.type == "table_open" else -1
        if token.map is None:
            continue
        start, end = token.map
        if token.type in ("fence", "code_block", "html_block") or token.type == "table_open":
            covered[start:end] = b"\x01" * (end - start)
        if token.type == "table_open":
            _table(source, start, end, references)
        elif token.type == "inline" and not in_table:
            covered[start:end] = b"\x01" * (end - start)
            _paragraph(source, start, end, token.content, references)
    for index, line in enumerate(source):
        # What no token covers is blank or a link definition, whose links have been turned into text.
        if not covered[index] and line.strip(" >\t"):
            source[index] = ""


def _paragraph(source: list[str], start: int, end: int, content: str, references: Collection[str]) -> None:
    """Puts a cleaned paragraph on its first line, behind the marks of the list or quotation it stands in."""
    before, matched, _ = source[start].partition(content.split("\n")[0] or "\n")
    if not matched:
        source[start:end] = [inline(line, references) for line in source[start:end]]
        return
    cleaned = inline(content, references)
    text = ""
    for line in cleaned.split("\n"):
        hard = line.endswith(("  ", "\\")) and not line.endswith("\\\\")
        stripped = (line.removesuffix("\\") if hard else line).strip()
        if cleaned == content or not _NOTHING.match(stripped):
            text += stripped + ("\n" if hard else " ")
    if _CONTENTS_ENTRY.match(source[start]) and "\n" not in content:
        text = ""
    indent = re.sub(r"[^>\s]", " ", before)
    rows = [(indent if number else before) + row.strip() for number, row in enumerate(text.strip().split("\n"))]
    if not text.strip():
        rows = [_GONE]
    source[start:end] = rows[: end - start] + [_GONE] * (end - start - len(rows))


def _table(source: list[str], start: int, end: int, references: Collection[str]) -> None:
    """Cleans the rows of a table; a row of which only the first cell is left, such as one of badges, goes."""
    for index in range(start, min(end, len(source))):
        cleaned = inline(source[index], references)
        if cleaned != source[index] and not "".join(cleaned.strip(" |").split("|")[1:]).strip():
            cleaned = _GONE
        source[index] = cleaned


def _blocks(source: list[str], tokens: list[Token]) -> list[Block]:
    blocks: list[Block] = []
    for position, token in enumerate(tokens):
        if token.level or token.map is None or token.nesting < 0:
            continue
        start, end = token.map
        if token.type == "heading_open":
            title = _plain(tokens[position + 1].content)
            blocks.append(Header(int(token.tag[1]), title))
        elif token.type == "html_block":
            blocks += parse_fragment("\n".join(source[start:end]))
        elif token.type == "code_block":
            blocks.append(f"```\n{token.content.rstrip()}\n```")
        elif token.type != "hr":
            lines = source[start:end] if token.type == "fence" else _squeeze(source[start:end])
            block = "\n".join(lines).strip("\n")
            if not _NOTHING.match(block):
                blocks.append(block)
    return blocks


def _squeeze(lines: list[str]) -> list[str]:
    """Lines without the holes that removed text has left: never two blank lines in a row, no empty list item."""
    squeezed: list[str] = []
    for line in lines:
        if line == _GONE or re.fullmatch(r"[\s>]*(?:[-*+]|\d{1,3}[.)])\s*", line):
            continue
        if line.strip(" >\t") or (squeezed and squeezed[-1].strip(" >\t")):
            squeezed.append(line.rstrip())
    while squeezed and not squeezed[-1].strip(" >\t"):
        squeezed.pop()
    return squeezed


def _plain(title: str) -> str:
    """A header's text without its markup."""
    title = re.sub(r"\[([^\[\]]{0,300})\]\([^()]{0,2000}\)", r"\1", inline(_ATTRIBUTES.sub("", title)))
    return " ".join(re.sub(r"(\*\*|__|`|(?<!\w)[*_]|[*_](?!\w))", "", title).split())
