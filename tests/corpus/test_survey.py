"""Which files are read, and that the others are counted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from humpback.config import Config, CorpusSettings
from humpback.corpus.reading.sources import list_files, list_sources
from humpback.corpus.survey import counts_in_words, file_counts, lacking_in_words, preview
from humpback.data_access.urls import filesystem
from humpback.errors import InputError
from humpback.method.corpus import cut_segments
from humpback.runs.status import recipes
from tests.command import humpback, mistake
from tests.corpus.samples import BREAD_TEXT, TIDES_TEXT

FILES = "a.md b.md old/c.doc old/d.doc e.ppt settings.json README .git/config old/.hidden.doc"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two documents, files of kinds that are not read, and hidden files."""
    folder = tmp_path / "manual"
    for name in FILES.split():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"# {name}")
    return folder


def corpus(*documents: Path | str, **values: Any) -> CorpusSettings:
    return CorpusSettings.model_validate({"documents": [str(entry) for entry in documents], **values})


def line(*documents: Path | str, **values: Any) -> str:
    return counts_in_words(file_counts(list_files(corpus(*documents, **values))))


def names(*documents: Path | str, exclude: tuple[str, ...]) -> list[str]:
    return [source.name for source in list_sources(corpus(*documents, exclude=exclude))]


def test_files_of_kinds_that_are_not_read_are_counted(folder: Path):
    passed_over = "2 .doc, 1 .json beside other documents, 1 .ppt, 1 without an ending"
    assert line(folder) == f"read 2 of 7 files; passed over: {passed_over}"
    assert line(folder / "*.md") == "read 2 files"
    assert line(folder / "old" / "*", folder / "a.md", format="text") == "read 3 files"
    assert line("installed:") == ""


def test_a_file_that_two_entries_name_is_counted_once_and_read_if_either_reads_it(folder: Path):
    every_way = (folder / "settings.json", folder, folder / "*", folder / "settings.json")
    assert line(*every_way) == "read 3 of 7 files; passed over: 2 .doc, 1 .ppt, 1 without an ending"


def test_links_that_lead_out_of_the_folder_are_counted(folder: Path, tmp_path: Path):
    (tmp_path / "secret.md").write_text("secret")
    (folder / "link.md").symlink_to(tmp_path / "secret.md")
    assert "1 linked from outside the folder" in line(folder)


def test_many_kinds_are_summed_up(folder: Path):
    for number in range(20):
        (folder / f"x.{number:02}").write_text("x")
    assert line(folder).endswith(
        "2 .doc, 1 .00, 1 .01, 1 .02, 1 .03, 1 .04, 1 .05, 1 .06, 1 .07, 1 .08, 14 of 14 other kinds"
    )


def test_files_at_a_url_are_counted_too():
    files, _ = filesystem("memory://manual/")
    files.pipe({"/manual/a.md": b"# A", "/manual/b.doc": b"x", "/manual/c.md": b"x"})
    assert line("memory://manual/", exclude=["c.*"]) == "read 1 of 3 files; passed over: 1 .doc, 1 excluded"


@pytest.mark.parametrize(
    ("patterns", "left"),
    [
        (("b.*",), ["manual/a.md", "manual/deep/old/c.md"]),
        (("old/",), ["manual/a.md", "manual/b.md"]),
        (("nual/a*", "*.rst"), ["manual/a.md", "manual/b.md", "manual/deep/old/c.md"]),
        (("manual/a*", "manual/deep/"), ["manual/b.md"]),
        ((), ["manual/a.md", "manual/b.md", "manual/deep/old/c.md"]),
    ],
)
def test_files_can_be_left_out_by_the_end_of_their_path(folder: Path, patterns: tuple[str, ...], left: list[str]):
    (folder / "deep" / "old").mkdir(parents=True)
    (folder / "deep" / "old" / "c.md").write_text("# C")
    assert names(folder, exclude=patterns) == left


def test_a_named_file_can_be_left_out_whatever_its_kind(folder: Path):
    entries = (folder / "a.md", folder / "b.md", folder / "e.ppt")
    assert names(*entries, exclude=("*.ppt", "manual/b.md")) == ["a.md"]
    with pytest.raises(InputError, match=r"corpus\.exclude leaves out every document"):
        names(folder, exclude=("*.md",))


def test_a_folder_without_documents_says_what_it_holds(folder: Path):
    with pytest.raises(InputError, match=r"no documents in '.*old' \(passed over: 2 \.doc\): name files"):
        list_sources(corpus(folder / "old"))


def test_the_preview_lists_each_kind_with_its_size(folder: Path):
    (folder / "a.md").write_bytes(bytes(1_234_000))
    assert list(preview(list_files(corpus(folder, exclude=["b.md"])))) == [
        "kind                  files            MB",
        ".md                       1         1.234  read",
        ".doc                      2         0.000  passed over: not a kind that is read",
        ".json                     1         0.000  passed over: beside other documents",
        ".ppt                      1         0.000  passed over: not a kind that is read",
        ".md                       1         0.000  passed over: excluded",
        "without an ending         1         0.000  passed over: not a kind that is read",
        "read 1 of 7 files; passed over: 2 .doc, 1 .json beside other documents, 1 .ppt, 1 excluded, "
        "1 without an ending",
    ]


def test_what_an_extra_would_read_is_named_with_the_way_to_install_it():
    assert lacking_in_words({".pdf": 4, ".docx": 3}) == (
        "not read without an extra: 4 .pdf, 3 .docx (pip install 'humpback-align[office]')"
    )
    assert lacking_in_words({}) == ""


def test_the_files_that_are_left_decide_the_recipe_and_nothing_else_of_the_listing(folder: Path):
    def recipe(**values: Any) -> Any:
        stage = cut_segments(Config.model_validate({"corpus": {"documents": [str(folder)], **values}}))
        return recipes([stage])["segments"]

    before = recipe()
    assert not {"corpus.exclude", "corpus.documents"} & before.settings.keys()
    assert before.settings["corpus.without_extra"] is None
    assert recipe(exclude=["*.ppt"]).fingerprint == before.fingerprint
    assert recipe(exclude=["b.md"]).fingerprint != before.fingerprint
    (folder / "f.ppt").write_text("x")
    assert recipe().fingerprint == before.fingerprint


def test_the_command_previews_and_ends_with_what_was_read(folder: Path, tmp_path: Path):
    (folder / "a.md").write_text(f"# Bread\n\n{BREAD_TEXT}")
    (folder / "b.md").write_text(f"# Tides\n\n{TIDES_TEXT}")
    seen = humpback("segment", "--preview", folder / "old", folder, "--exclude", "b.md")
    assert (seen.returncode, seen.stderr) == (0, "")
    assert seen.stdout.startswith("kind")
    assert "read 1 of 7 files" in seen.stdout
    assert humpback("segment", "--preview", folder / "old").returncode == 0
    assert "no file or folder" in mistake("segment", "--preview", tmp_path / "nowhere")
    done = humpback("segment", folder, "--out", tmp_path / "s.jsonl", "--exclude", "b.md", "--exclude", "*.ppt")
    assert done.returncode == 0, done.stderr
    assert "1 kept" in done.stdout
    assert "read 1 of 7 files; passed over: 2 .doc, 2 excluded, 1 .json beside other documents" in done.stdout
    assert humpback("segment", folder, "--out", tmp_path / "s.jsonl", "--exclude", "b.md").returncode == 0
