import csv
import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from humpback.config import DecontaminateSettings
from humpback.errors import InputError
from humpback.text.contamination import prompts_digest, read_prompts
from humpback.text.contamination.prompts import prompt_texts

PUBLIC = Path(__file__).parents[4] / "shared" / "data"
BEES = "Why do bees dance in front of the others?"
TIDES = "What makes the water rise twice a day?"


def read(*paths: Path) -> list[tuple[str, str]]:
    settings = DecontaminateSettings(against=tuple(map(str, paths)))
    return [(prompt.source, prompt.text) for prompt in read_prompts(settings)]


def write_lines(path: Path, *rows: object) -> Path:
    data = "".join(json.dumps(row) + "\n" for row in rows).encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


@pytest.mark.parametrize(
    ("row", "prompts"),
    [
        ({"prompt": BEES, "completion": TIDES}, [BEES]),
        ({"Instruction": BEES, "output": TIDES}, [BEES]),
        ({"instruction": BEES, "input": TIDES, "output": ""}, [f"{BEES}\n\n{TIDES}"]),
        ({"instruction": BEES, "input": "", "context": None}, [BEES]),
        ({"question": BEES, "passage": TIDES, "choices": ["a swarm", "a meadow"]}, [f"{BEES}\n\n{TIDES}"]),
        ({"question": {"stem": BEES, "choices": []}}, [BEES]),
        ({"goal": BEES, "sol1": TIDES, "sol2": TIDES}, [BEES]),
        ({"context": BEES, "endings": [TIDES], "label": 0}, [BEES]),
        ({"question_id": 3, "text": BEES, "category": "generic"}, [BEES]),
        ({"turns": [BEES, TIDES], "reference": ["Because."]}, [BEES, TIDES]),
        ({"turns": [{"content": BEES}, {"content": TIDES}]}, [BEES, TIDES]),
        ({"conversations": BEES}, [BEES]),
        ({"conversations": [BEES, "They show the way.", TIDES, "The moon."]}, [BEES, TIDES]),
        ({"conversations": [{"from": "human", "value": BEES}, {"from": "gpt", "value": TIDES}]}, [BEES]),
        ({"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": BEES}]}, [BEES]),
        ({"messages": json.dumps([{"role": "user", "content": BEES}])}, [BEES]),
        ({"prompt": [{"role": "user", "content": BEES}]}, [BEES]),
        ({"prompt": " ", "question": BEES}, [BEES]),
        ({"answer": TIDES, "label": 1}, []),
        ({"turns": [1, None, []]}, []),
        ({"messages": "["}, ["["]),
    ],
)
def test_the_prompts_of_every_usual_layout_are_found(row: dict[str, object], prompts: list[str]) -> None:
    assert prompt_texts(row) == prompts


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.json", "a.csv", "a.parquet", "a.txt", "a.txt.gz"])
def test_every_kind_of_file_gives_the_same_prompts(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    rows = [{"prompt": BEES}, {"prompt": TIDES}]
    if ".jsonl" in name:
        write_lines(path, *rows)
    elif name.endswith(".json"):
        path.write_text(json.dumps(rows))
    elif name.endswith(".csv"):
        with path.open("w", newline="") as stream:
            table = csv.DictWriter(stream, ["prompt"])
            table.writeheader()
            table.writerows(rows)
    elif name.endswith(".parquet"):
        pq.write_table(pa.Table.from_pylist(rows), path)
    else:
        data = f"{BEES}\n{TIDES}\n".encode()
        path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    assert read(path) == [(f"{name}#1", BEES), (f"{name}#2", TIDES)]


def test_blank_lines_of_a_text_file_are_no_prompts_but_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "mine.txt"
    path.write_text(f"{BEES}\n\n  {TIDES}  \n\n")
    assert read(path) == [("mine.txt#1", BEES), ("mine.txt#3", TIDES)]


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("a.jsonl", b'{"answer": 1}\n', "holds no prompts; its columns are answer"),
        ("a.jsonl", b"", "holds no prompts"),
        ("a.txt", b"\n", "holds no prompts"),
        ("a.txt", b"\xff\xfe", "is not UTF-8"),
        ("a.jsonl.gz", b"no archive", "cannot read the file"),
        ("a.xlsx", b"PK", "cannot tell what"),
    ],
)
def test_a_file_that_gives_no_prompt_is_one_line_that_says_why(
    tmp_path: Path, name: str, data: bytes, said: str
) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(InputError, match=said) as caught:
        read(tmp_path / name)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_said_when_planning_and_when_reading(tmp_path: Path) -> None:
    settings = DecontaminateSettings(against=(str(tmp_path / "gone.jsonl"),))
    with pytest.raises(InputError, match="gone"):
        prompts_digest(settings)
    with pytest.raises(InputError, match="gone"):
        list(read_prompts(settings))


def test_of_a_folder_the_files_of_prompts_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"prompt": "How do humpback whales sing?"}\n', encoding="utf-8")
    (tmp_path / "b.txt").write_text("Why is the harbour wall so long?\n", encoding="utf-8")
    (tmp_path / "README.md").write_text("About these prompts.\n", encoding="utf-8")
    settings = DecontaminateSettings(against=(str(tmp_path),))
    assert [prompt.source for prompt in read_prompts(settings)] == ["a.jsonl#1", "b.txt#1"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"no prompts in .*empty.: name files that end in"):
        prompts_digest(DecontaminateSettings(against=(str(tmp_path / "empty"),)))


def test_the_digest_follows_what_the_files_hold_not_where_they_lie(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    first = write_lines(tmp_path / "a.jsonl", {"prompt": BEES})
    moved = write_lines(tmp_path / "other" / "a.jsonl", {"prompt": BEES})
    digests = [prompts_digest(DecontaminateSettings(against=(str(path),))) for path in (first, moved)]
    write_lines(moved, {"prompt": TIDES})
    assert digests[0] == digests[1] != prompts_digest(DecontaminateSettings(against=(str(moved),)))


@pytest.mark.data
@pytest.mark.skipif(not PUBLIC.is_dir(), reason="the public data sets are not beside the checkout")
@pytest.mark.parametrize("folder", ["eval", "benchmarks"])
def test_every_public_file_of_prompts_is_read(folder: str) -> None:
    files = sorted((PUBLIC / folder).glob("*.jsonl*"))
    assert files
    for path in files:
        prompts = read(path)
        assert len(prompts) >= 80
        assert sum(len(text) for _, text in prompts) / len(prompts) > 20
