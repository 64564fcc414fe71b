from contextlib import suppress
from pathlib import Path
from threading import Thread
from uuid import uuid4

import pytest

from humpback.data_access.atomic import atomic_file, atomic_folder


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def fail_in_file(target: Path, mode: str, content: bytes | str) -> None:
    with suppress(ZeroDivisionError), atomic_file(target, mode) as file:
        file.write(content)
        raise ZeroDivisionError


def fail_in_folder(target: Path) -> None:
    with suppress(ZeroDivisionError), atomic_folder(target, replace=True) as folder:
        (folder / "weights").write_text("after")
        raise ZeroDivisionError


def test_a_file_appears_when_it_is_complete(tmp_path: Path):
    target = tmp_path / "rows.jsonl"
    with atomic_file(target, "w") as file:
        file.write("é\r\n")
        assert not target.exists()
        [temporary] = names(tmp_path)
        assert temporary.startswith(".rows.jsonl.")
        assert temporary.endswith(".tmp")
    assert target.read_bytes() == b"\xc3\xa9\r\n"
    assert names(tmp_path) == ["rows.jsonl"]


def test_a_file_stays_as_it_was_when_the_block_fails(tmp_path: Path):
    target = tmp_path / "rows"
    target.write_bytes(b"before")
    fail_in_file(target, "wb", b"after")
    assert target.read_bytes() == b"before"
    assert names(tmp_path) == ["rows"]


def test_two_writers_of_one_file_do_not_mix(tmp_path: Path):
    target = tmp_path / "rows"

    def write(letter: bytes) -> None:
        with atomic_file(target) as file:
            for _ in range(2000):
                file.write(letter * 100)

    threads = [Thread(target=write, args=(letter,)) for letter in (b"a", b"b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert target.read_bytes() in (b"a" * 200_000, b"b" * 200_000)
    assert names(tmp_path) == ["rows"]


@pytest.mark.parametrize(("mode", "content"), [("wb", b"\x00\xff"), ("w", "é\n")])
def test_a_file_elsewhere_appears_when_it_is_complete(mode: str, content: bytes | str):
    from upath import UPath

    target = UPath(f"memory://{uuid4().hex}/rows")
    fail_in_file(target, mode, content)
    assert not target.exists()
    with atomic_file(target, mode) as file:
        file.write(content)
    assert target.read_bytes() == (content if isinstance(content, bytes) else content.encode())


def test_a_folder_replaces_the_one_before(tmp_path: Path):
    target = tmp_path / "new" / "model"
    for number in "12":
        with atomic_folder(target, replace=True) as folder:
            (folder / f"weights-{number}").write_text(number)
    assert names(target) == ["weights-2"]
    assert names(tmp_path / "new") == ["model"]


def test_a_folder_stays_as_it_was_when_the_block_fails(tmp_path: Path):
    target = tmp_path / "model"
    target.mkdir()
    (target / "weights").write_text("before")
    fail_in_folder(target)
    assert (target / "weights").read_text() == "before"
    assert names(tmp_path) == ["model"]


def test_a_cache_keeps_the_folder_that_another_process_made(tmp_path: Path):
    target = tmp_path / "cache"
    with atomic_folder(target) as folder:
        (folder / "slow").touch()
        with atomic_folder(target) as faster:
            (faster / "fast").touch()
    assert names(target) == ["fast"]
    assert names(tmp_path) == ["cache"]


def test_a_folder_never_takes_the_place_of_a_file(tmp_path: Path):
    target = tmp_path / "model"
    target.write_text("a file")
    for replace in (False, True):
        with pytest.raises(NotADirectoryError), atomic_folder(target, replace=replace):
            pass
    assert target.read_text() == "a file"
    assert names(tmp_path) == ["model"]
