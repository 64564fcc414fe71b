"""XLSX: each sheet under its name, as tables between its empty rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

from python_calamine import CalamineWorkbook, SheetVisibleEnum

from humpback.corpus.office.books import Book, checked_archive, declared_title, markdown
from humpback.corpus.parsing.sections import Block, Header, Unusable, cell, table


def read_xlsx(path: str, most: int) -> Book:
    """The text of a workbook; sheets that are hidden are left out.

    Args:
        path: The file.
        most: Characters of text that it may have.

    Raises:
        Unusable: It is damaged, encrypted, or too long.
    """
    title = declared_title(checked_archive(path))
    blocks: list[Block] = []
    length = 0
    with CalamineWorkbook.from_path(path) as workbook:
        for sheet in workbook.sheets_metadata:
            if sheet.visible != SheetVisibleEnum.Visible:
                continue
            blocks.append(Header(1, sheet.name))
            for text in _tables(workbook.get_sheet_by_name(sheet.name).iter_rows()):
                blocks.append(text)
                length += len(text)
                if length > most:
                    raise Unusable("document too long", f"more than {most} characters")
    return Book(title, markdown(blocks))


def _tables(rows: Iterable[list[Any]]) -> Iterator[str]:
    texts = ([cell(_shown(value)) for value in row] for row in rows)
    for is_filled, group in groupby(texts, key=any):
        if is_filled:
            block = list(group)
            used = [number for number in range(len(block[0])) if any(row[number] for row in block)]
            block = [[row[number] for number in used] for row in block]
            yield "\n".join(table(block) if len(used) > 1 else [row[0] for row in block])


def _shown(value: Any) -> str:
    """A value as people write it: the format has no whole numbers."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
