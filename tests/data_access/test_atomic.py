"""A file or a folder is there whole or not at all, whoever makes it at the same time."""

from pathlib import Path

import pytest

from humpback.data_access.atomic import atomic_file, atomic_folder


def test_a_file_appears_at_the_end_and_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    target = tmp_path / "notes.txt"
    target.write_text("old")
    with atomic_file(target) as temporary:
        temporary.write_text("new")
        assert target.read_text() == "old"
        assert temporary.name.startswith(".")
    assert target.read_text() == "new"
    assert list(tmp_path.iterdir()) == [target]


def test_a_file_that_fails_half_way_leaves_the_old_one(tmp_path: Path) -> None:
    target = tmp_path / "notes.txt"
    target.write_text("old")
    with pytest.raises(OSError, match="stop"):
        _half_a_file(target)
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_folder_appears_at_the_end(tmp_path: Path) -> None:
    target = tmp_path / "cache" / "model"
    with atomic_folder(target) as folder:
        (folder / "config.json").write_text("{}")
        assert not target.exists()
    assert [path.name for path in target.iterdir()] == ["config.json"]
    assert list(target.parent.iterdir()) == [target]
    assert target.stat().st_mode & 0o055  # others may read it, as far as the umask lets them


def test_a_folder_that_fails_half_way_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="stop"):
        _half_a_folder(tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


def test_the_first_of_two_that_make_the_same_folder_wins(tmp_path: Path) -> None:
    target = tmp_path / "model"
    with atomic_folder(target) as slow:
        (slow / "by").write_text("slow")
        with atomic_folder(target) as fast:
            (fast / "by").write_text("fast")
    assert (target / "by").read_text() == "fast"
    assert list(tmp_path.iterdir()) == [target]


def _half_a_file(target: Path) -> None:
    with atomic_file(target) as temporary:
        temporary.write_text("half")
        raise OSError("stop")


def _half_a_folder(target: Path) -> None:
    with atomic_folder(target) as folder:
        (folder / "half").write_text("x")
        raise OSError("stop")
