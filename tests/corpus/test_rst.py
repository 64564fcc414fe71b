from __future__ import annotations

from pathlib import Path

import pytest

from humpback.corpus.parsing.rst import parse_rst
from humpback.corpus.parsing.sections import Header


def test_sections_become_headers_by_depth():
    text = "Bread\n=====\n\nIntro.\n\nDough\n-----\n\nKnead.\n\nOven\n----\n\nBake.\n"
    assert list(parse_rst(text).blocks) == [
        Header(1, "Bread"),
        "Intro.",
        Header(2, "Dough"),
        "Knead.",
        Header(2, "Oven"),
        "Bake.",
    ]


def test_body_elements_are_written_as_markdown():
    text = (
        "Use ``rise()``, *gently*, or **not at all**; see `the book <https://example.org>`_.\n\n"
        "- flour\n- water\n\n  - warm\n\n1. mix\n2. wait\n\n"
        ".. code-block:: python\n\n   rise(3)\n\nAs in::\n\n   bake --hot\n\n"
        ".. note:: Let it cool.\n\n====== =====\nFlour  Water\n====== =====\n500    350\n====== =====\n"
    )
    assert list(parse_rst(text).blocks) == [
        "Use `rise()`, *gently*, or **not at all**; see the book.",
        "- flour\n- water\n\n  - warm",
        "1. mix\n2. wait",
        "```python\nrise(3)\n```",
        "As in:",
        "```\nbake --hot\n```",
        "**Note:** Let it cool.",
        "| Flour | Water |\n| --- | --- |\n| 500 | 350 |",
    ]


def test_what_only_sphinx_knows_is_read_as_far_as_it_goes(capsys: pytest.CaptureFixture[str]):
    text = "Call :func:`~oven.bake` and |missing| it.\n\n.. autofunction:: oven.bake\n\n.. todo::\n   Write.\n\nEnd."
    assert list(parse_rst(text).blocks) == ["Call `oven.bake` and it.", "End."]
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    "directive",
    [
        ".. include:: {file}",
        ".. raw:: html\n   :file: {file}",
        ".. csv-table::\n   :file: {file}",
        ".. literalinclude:: {file}",
    ],
)
def test_no_file_is_read_and_nothing_raw_passes(directive: str, tmp_path: Path):
    secret = tmp_path / "secret.txt"
    secret.write_text("the secret of the bakery")
    text = f"Before.\n\n{directive.format(file=secret)}\n\n.. raw:: html\n\n   <script>alert(1)</script>\n\nAfter.\n"
    assert list(parse_rst(text).blocks) == ["Before.", "After."]


def test_badges_and_targets_are_dropped():
    text = "|ci|\n\n.. |ci| image:: https://example.org/ci.svg\n.. _home: https://example.org\n\nText.\n"
    assert list(parse_rst(text).blocks) == ["Text."]


def test_what_docutils_cannot_bear_is_read_as_text():
    deep = "\n\n".join(" " * depth + "word" for depth in range(2000))
    assert parse_rst(deep).blocks
    assert len(parse_rst("*a " * 20_000).blocks) == 1
