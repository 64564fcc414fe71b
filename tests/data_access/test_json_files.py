from __future__ import annotations

import io
import json
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from humpback.data_access.json_files import read_json

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda items: st.lists(items, max_size=3) | st.dictionaries(st.text(), items, max_size=3),
    max_leaves=8,
)


def rows(data: bytes, chunk: int = 1 << 20) -> list[object]:
    return [values for _, values in read_json(io.BytesIO(data), chunk)]


@settings(deadline=None, max_examples=60)
@given(st.lists(st.dictionaries(st.text(), VALUES, max_size=3), max_size=6), st.sampled_from([None, 0, 1]))
def test_a_list_is_read_whatever_its_layout(items: list[object], indent: int | None):
    for ascii_only in (True, False):
        assert rows(json.dumps(items, indent=indent, ensure_ascii=ascii_only).encode()) == items


@pytest.mark.parametrize("chunk", [1, 2, 3, 5, 17])
def test_items_may_lie_across_chunks(chunk: int):
    items = [{"a": "x, ] y"}, {"b": [1, 23.5e1, True, None]}, {"é": {"c": '"\\ \n'}}, {}]
    assert rows(json.dumps(items).encode(), chunk) == items
    assert rows(f" \n [ {json.dumps(items)[1:-1]} ] \n".encode(), chunk) == items
    assert rows(b"[]", chunk) == []
    assert rows(b"[12, 345]", chunk) == ["int, not an object"] * 2


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"[", "Expecting value"),
        (b'[{"a": 1}', "does not end"),
        (b'[{"a": 1} {"a": 2}]', "Expecting ',' delimiter"),
        (b'[{"a": 1},]', "Expecting value"),
        (b'[{"a": 1}] more', "more text follows"),
        (b'[{"a" 1}]', "Expecting ':' delimiter"),
        (b'[{"a": "x}]', "Unterminated string"),
        (b'{"a": ', "Expecting value"),
        (b"", "Expecting value"),
        (b"5", "holds no list"),
        (b'[{"a": "\xff"}]', "invalid start byte"),
    ],
)
def test_what_is_no_json_is_said(data: bytes, message: str):
    with pytest.raises(ValueError, match=message):
        rows(data)


def test_a_mistake_early_in_a_long_list_is_found_early():
    class Endless(io.RawIOBase):
        """A list with a mistake in its first item, and no end."""

        count = 0

        def readable(self) -> bool:
            return True

        def readinto(self, buffer) -> int:
            view = memoryview(buffer)
            head = b'[{"a" 1}, ' if not self.count else b""
            view[:] = head + b"1" * (len(view) - len(head))
            self.count += 1
            return len(view)

    stream = Endless()
    with pytest.raises(ValueError, match="delimiter"):
        list(read_json(io.BufferedReader(stream, 1 << 16)))
    assert stream.count < 100


def test_a_long_list_is_read_in_little_memory():
    data = json.dumps([{"text": "x" * 1000}] * 30_000).encode()
    tracemalloc.start()
    try:
        count = sum(1 for _ in read_json(io.BytesIO(data)))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == 30_000
    assert peak < 12 << 20
