from dataclasses import dataclass
from pathlib import Path

import pytest

from humpback.data_access.record_tables import TableWriter, read_table
from humpback.errors import InputError


@dataclass(frozen=True, slots=True)
class Song:
    title: str
    singers: tuple[str, ...]
    seconds: int
    score: float | None


@dataclass(frozen=True, slots=True)
class Recording:
    title: str
    sound: bytes


SONGS = (Song("Hvalsång", ("humpback", "fin whale"), 1200, 0.5), Song("", (), 0, None))


@pytest.mark.parametrize("ending", [".jsonl", ".parquet"])
def test_a_table_appears_when_it_is_complete(tmp_path: Path, ending: str):
    path = tmp_path / f"songs{ending}"
    with TableWriter(path, Song) as table:
        table.write(SONGS[:1])
        table.write(iter(SONGS[1:]))
        assert not path.exists()
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    if ending == ".parquet":
        assert tuple(read_table(path, Song)) == SONGS
    else:
        assert path.read_text(encoding="utf-8").splitlines()[0] == (
            '{"title": "Hvalsång", "singers": ["humpback", "fin whale"], "seconds": 1200, "score": 0.5}'
        )


def test_bytes_are_read_as_they_were_written(tmp_path: Path):
    recordings = (Recording("Hvalsång", bytes(range(256))), Recording("", b""))
    with TableWriter(tmp_path / "recordings.parquet", Recording) as table:
        table.write(recordings)
    assert tuple(read_table(tmp_path / "recordings.parquet", Recording)) == recordings


@pytest.mark.parametrize("ending", [".jsonl", ".parquet"])
def test_a_table_that_fails_leaves_the_one_before(tmp_path: Path, ending: str):
    path = tmp_path / f"songs{ending}"
    path.write_bytes(b"before")
    table = TableWriter(path, Song)
    with pytest.raises(ZeroDivisionError):
        fail_while_writing(table)
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


def fail_while_writing(table: TableWriter) -> None:
    with table:
        table.write(SONGS)
        raise ZeroDivisionError


def test_what_cannot_be_written_is_refused(tmp_path: Path):
    with pytest.raises(InputError, match="end its name"):
        TableWriter(tmp_path / "songs.txt", Song)
    for ending in (".jsonl", ".parquet"):
        with pytest.raises(InputError, match=r"cannot write .*No such file or directory"):
            TableWriter(tmp_path / "missing" / f"songs{ending}", Song).__enter__()


def test_a_damaged_table_is_refused(tmp_path: Path):
    path = tmp_path / "songs.parquet"
    path.write_bytes(b"PAR1 and no more")
    with pytest.raises(InputError, match="cannot read the records"):
        list(read_table(path, Song))
