from __future__ import annotations

import pytest

from humpback.config import CorpusSettings
from humpback.corpus.cut import cut
from humpback.corpus.parsing.titles import without_site
from tests.corpus.samples import BREAD_TEXT, document


@pytest.mark.parametrize(
    ("title", "host", "left"),
    [
        ("Rye - The Daily Loaf", "thedailyloaf.example", "Rye"),
        ("Rye | the-daily-loaf", "www.the-daily-loaf.example", "Rye"),
        ("Loaf: Rye and more", "loaf.co.example", "Rye and more"),
        ("Rye — what it needs - Loaf.example", "loaf.example", "Rye — what it needs"),
        ("LOAF | News: Rye", "blog.loaf.example", "News: Rye"),
        ("Rye - Crust", "loaf.example", "Rye - Crust"),
        ("Loaf", "loaf.example", "Loaf"),
        ("Loaf-baking for all", "loaf.example", "Loaf-baking for all"),
        ("Rye - com", "loaf.com.example", "Rye"),
        ("Rye - Loaf", "[bad", "Rye - Loaf"),
    ],
)
def test_a_site_is_known_by_its_address(title: str, host: str, left: str):
    assert without_site(title, f"https://{host}/page") == left


def test_a_title_of_a_file_stays():
    assert without_site("Rye - Notes", "notes.md") == "Rye - Notes"


def test_the_title_path_of_a_segment_has_no_site():
    page = document(BREAD_TEXT, title="Rye - The Daily Loaf", source="https://thedailyloaf.example/rye")
    (segment,) = cut([page], CorpusSettings()).kept
    assert segment.title_path == ("Rye",)
