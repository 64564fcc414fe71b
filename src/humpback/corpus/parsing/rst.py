"""reStructuredText: docutils parses, nothing is included, executed or printed, and the tree is written as Markdown.

What only Sphinx knows is read as far as it goes: of an unknown role the text is kept, an unknown directive is left out.
"""

from __future__ import annotations

import io
import re

from docutils import nodes
from docutils.core import publish_doctree

from humpback.corpus.parsing.raised import raised
from humpback.corpus.parsing.sections import Block, Header, Page, cell, clean, table
from humpback.corpus.parsing.text import parse_text

_MAX_CHARS = 200_000
"""docutils is slow on long documents; a longer one is read as plain text."""
_START = re.compile(r"(?<!\w)[*`|](?=\S)|_(?!\w)")
_MAX_STARTS = 500
"""docutils takes time with the square of the places in a paragraph where markup may begin."""
_SETTINGS = {
    "file_insertion_enabled": False,
    "raw_enabled": False,
    "_disable_config": True,
    "report_level": 5,
    "halt_level": 6,
    "traceback": True,
    "syntax_highlight": "none",
    "smart_quotes": False,
    "doctitle_xform": False,
    "docinfo_xform": False,
    "sectsubtitle_xform": False,
    "line_length_limit": _MAX_CHARS,
    "input_encoding": "unicode",
}
_ROLE = re.compile(r":[a-zA-Z][\w:.+-]*:`~?([^`<]*?)(?:\s*<[^`>]*>)?`")
_SKIPPED = (
    nodes.comment,
    nodes.substitution_definition,
    nodes.target,
    nodes.system_message,
    nodes.image,
    nodes.figure,
    nodes.footnote,
    nodes.citation,
    nodes.docinfo,
    nodes.field_list,
    nodes.transition,
    nodes.pending,
    nodes.raw,
    nodes.topic,
    nodes.sidebar,
    nodes.header,
    nodes.footer,
    nodes.decoration,
    nodes.colspec,
)


def parse_rst(text: str) -> Page:
    """A page from reStructuredText; where docutils gives up, the text as it stands."""
    if len(text) > _MAX_CHARS or any(len(_START.findall(part)) > _MAX_STARTS for part in text.split("\n\n")):
        return parse_text(text)
    try:
        document = publish_doctree(text, settings_overrides=_SETTINGS | {"warning_stream": io.StringIO()})
        blocks: list[Block] = []
        _sections(document, 0, blocks)
    except (Exception, SystemExit):  # docutils raises whatever its directives raise; RecursionError where nested deep
        return parse_text(text)
    return Page("", tuple(blocks))


def _sections(node: nodes.Element, level: int, blocks: list[Block]) -> None:
    for child in node.children:
        if isinstance(child, nodes.title):
            blocks.append(Header(level, _inline(child, plain=True)))
        elif isinstance(child, nodes.section):
            _sections(child, level + 1, blocks)
        else:
            blocks += [block for block in _block(child) if block.strip()]


def _block(node: nodes.Node) -> list[str]:
    """One body element as blocks of Markdown."""
    if isinstance(node, _SKIPPED) or not isinstance(node, nodes.Element):
        return []
    if isinstance(node, (nodes.paragraph, nodes.rubric, nodes.attribution, nodes.line, nodes.caption)):
        return [_inline(node)]
    if isinstance(node, (nodes.literal_block, nodes.doctest_block, nodes.math_block)):
        return [_fenced(node)]
    if isinstance(node, (nodes.bullet_list, nodes.enumerated_list)):
        return [_list(node)]
    if isinstance(node, nodes.definition_list):
        return [_definitions(node)]
    if isinstance(node, nodes.block_quote):
        return [_indented("> ", "> ", _children(node))]
    if isinstance(node, nodes.line_block):
        return ["\n".join(_children(node))]
    if isinstance(node, nodes.table):
        return [_table(node)]
    if isinstance(node, nodes.Admonition):
        name = type(node).__name__.capitalize()
        inner = _children(node)
        return [f"**{name}:** {inner[0]}", *inner[1:]] if inner else []
    return _children(node)


def _children(node: nodes.Element) -> list[str]:
    return [block for child in node.children for block in _block(child) if block.strip()]


def _indented(first: str, following: str, blocks: list[str]) -> str:
    lines = "\n\n".join(blocks).split("\n")
    return "\n".join(((following if number else first) + line).rstrip() for number, line in enumerate(lines))


def _list(node: nodes.Element) -> str:
    ordered = isinstance(node, nodes.enumerated_list)
    start = int(node.get("start", 1)) if ordered else 0
    items = []
    for number, item in enumerate(node.children):
        mark = f"{start + number}. " if ordered else "- "
        inner = _children(item) if isinstance(item, nodes.Element) else []
        if inner:
            items.append(_indented(mark, " " * len(mark), inner))
    return "\n".join(items)


def _definitions(node: nodes.Element) -> str:
    items = []
    for item in node.children:
        if not isinstance(item, nodes.definition_list_item):
            continue
        term = " ".join(_inline(child, plain=True) for child in item.children if isinstance(child, nodes.term))
        inner = [block for child in item.children if isinstance(child, nodes.definition) for block in _children(child)]
        items.append(_indented("- ", "  ", [f"**{term}**: {inner[0]}" if inner else f"**{term}**", *inner[1:]]))
    return "\n".join(items)


def _table(node: nodes.Element) -> str:
    rows = [
        [cell(entry.astext()) for entry in row.children if isinstance(entry, nodes.entry)]
        for row in node.findall(nodes.row)
    ]
    return "\n".join(table(rows)) if any(rows) else ""


def _fenced(node: nodes.Element) -> str:
    classes: list[str] = node.get("classes", [])
    names = [name for name in classes if name not in ("code", "literal-block")]
    code = node.astext().strip("\n")
    fence = "````" if "```" in code else "```"
    return f"{fence}{names[0] if names and names[0].isalnum() else ''}\n{code}\n{fence}" if code.strip() else ""


def _inline(node: nodes.Element, plain: bool = False) -> str:
    """The text of a paragraph with its emphasis and code, in one line."""
    parts: list[str] = []
    for child in node.children:
        if isinstance(child, nodes.Text):
            parts.append(child.astext())
        elif isinstance(child, nodes.problematic):
            parts.append(_problem(child.astext(), plain))
        elif isinstance(child, (nodes.image, nodes.footnote_reference, nodes.citation_reference, nodes.system_message)):
            continue
        elif isinstance(child, (nodes.superscript, nodes.subscript)):
            lowered = isinstance(child, nodes.subscript)
            parts.append(raised(child.astext(), "".join(parts), lowered=lowered))
        elif isinstance(child, nodes.Element):
            mark = "" if plain else _mark(child)
            inner = child.astext() if mark == "`" else _inline(child, plain)
            parts.append(f"{mark}{inner}{mark}" if inner.strip() else "")
    return " ".join(clean("".join(parts)).split())


def _mark(node: nodes.Element) -> str:
    if isinstance(node, (nodes.literal, nodes.math)):
        return "`"
    if isinstance(node, nodes.strong):
        return "**"
    return "*" if isinstance(node, nodes.emphasis) else ""


def _problem(text: str, plain: bool) -> str:
    """What docutils could not resolve: the text of a role, nothing of a missing substitution."""
    role = _ROLE.fullmatch(text)
    if role:
        return role.group(1) if plain else f"`{role.group(1)}`"
    return "" if re.fullmatch(r"\|[^|]*\|_{0,2}", text) else text.strip("`_")
