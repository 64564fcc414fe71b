"""Files, folders, saved data sets and the hub."""

from __future__ import annotations

import csv
import gzip
import json
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from humpback.config import SeedSettings
from humpback.errors import InputError
from humpback.seed import source_digest
from tests.corpus.hub_server import REVISION, serve_hub
from tests.corpus.test_hub import run

from .reading import (
    BEES,
    DATA,
    PRIME,
    read,
    reasons,
    texts,
    write_lines,
)


def test_every_file_format_gives_the_same_pairs(tmp_path: Path) -> None:
    rows = [
        {"instruction": 'Say "hi",\nthen stop.', "response": "hi\u2028é"},
        {"instruction": "Sort.", "response": "a"},
    ]
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (tmp_path / "a.jsonl").write_text(lines, encoding="utf-8")
    (tmp_path / "bom.ndjson").write_text(lines + "\n\n", encoding="utf-8-sig")
    (tmp_path / "b.json").write_text(json.dumps({"version": "1", "data": rows}), encoding="utf-8")
    (tmp_path / "lines.json").write_text(lines, encoding="utf-8")
    (tmp_path / "c.jsonl.gz").write_bytes(gzip.compress(lines.encode()) + gzip.compress(b""))
    (tmp_path / "d.jsonl.zst").write_bytes(pa.compress(lines.encode(), codec="zstd", asbytes=True))
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "e.parquet")
    (tmp_path / "f.parquet.gz").write_bytes(gzip.compress((tmp_path / "e.parquet").read_bytes()))
    with (tmp_path / "g.csv").open("w", newline="", encoding="utf-8-sig") as stream:
        table = csv.DictWriter(stream, ["instruction", "response"])
        table.writeheader()
        table.writerows(rows)
    expected = [(row["instruction"], row["response"]) for row in rows]
    for path in sorted(tmp_path.iterdir()):
        assert texts(read(path)) == expected, path.name
    assert Counter(reasons(read(tmp_path))) == {"duplicate": 2 * 8}


def test_one_conversation_alone_in_a_json_file_is_one_row(tmp_path: Path) -> None:
    row = json.loads((DATA / "sharegpt.jsonl").read_text(encoding="utf-8").splitlines()[0])
    (tmp_path / "one.json").write_text(json.dumps(row, indent=2), encoding="utf-8")
    assert texts(read(tmp_path / "one.json")) == [PRIME]


def test_a_long_csv_field_is_read(tmp_path: Path) -> None:
    (tmp_path / "seed.csv").write_text(f"prompt,response\nRepeat.,{'x' * 200_000}\n", encoding="utf-8")
    assert len(texts(read(tmp_path / "seed.csv"))[0][1]) == 200_000


def test_of_a_folder_data_files_are_read_in_order_of_name(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / ".cache").mkdir()
    write_lines(tmp_path / "sub" / "b.jsonl", {"prompt": PRIME[0], "response": PRIME[1]})
    write_lines(tmp_path / "a.jsonl", {"prompt": BEES[0], "response": BEES[1]})
    write_lines(tmp_path / ".cache" / "c.jsonl", {"prompt": "Hidden", "response": "yes"})
    (tmp_path / "README.md").write_text("no data", encoding="utf-8")
    (tmp_path / "dataset_infos.json").write_text("{}", encoding="utf-8")
    records = read(tmp_path)
    assert [record.source for record in records] == ["a.jsonl#1", "sub/b.jsonl#1"]


def test_a_saved_data_set_is_read_and_of_several_splits_train(tmp_path: Path) -> None:
    import datasets

    train = datasets.Dataset.from_list([{"instruction": PRIME[0], "output": PRIME[1]}])
    test = datasets.Dataset.from_list([{"instruction": BEES[0], "output": BEES[1]}])
    datasets.disable_progress_bars()
    train.save_to_disk(tmp_path / "one")
    datasets.DatasetDict(train=train, test=test).save_to_disk(tmp_path / "both")
    datasets.DatasetDict(dev=train, test=test).save_to_disk(tmp_path / "neither")
    datasets.enable_progress_bars()
    assert [record.source for record in read(tmp_path / "one")] == ["one#1"]
    assert texts(read(tmp_path / "both")) == [PRIME]
    with pytest.raises(InputError, match="no split 'train', but dev, test"):
        read(tmp_path / "neither")
    (tmp_path / "one" / "data-00000-of-00001.arrow").write_bytes(b"broken")
    with pytest.raises(InputError, match=r"cannot read the file .*00001\.arrow"):
        read(tmp_path / "one")


SEED_OF_HUB = """
import sys
from humpback.config import SeedSettings
from humpback.seed import read_pairs, source_digest
settings = SeedSettings(source=sys.argv[1])
print(source_digest(settings))
print([(pair.source, pair.instruction, pair.response) for pair in read_pairs(settings)])
"""


def test_a_hub_data_set_is_read_at_the_commit_its_digest_names(tmp_path: Path) -> None:
    lines = [json.dumps({"prompt": prompt, "response": response}) + "\n" for prompt, response in (PRIME, BEES)]
    files = {f"data/train-{number}.jsonl": line.encode() for number, line in enumerate(lines)}
    with serve_hub("org/name", files) as (hub, _):
        printed = run(SEED_OF_HUB, "org/name", hub, tmp_path).stdout.splitlines()
        named = run(SEED_OF_HUB, "hf:org/name", hub, tmp_path).stdout.splitlines()
    assert printed == [f"org/name@{REVISION}", str([("org/name#1", *PRIME), ("org/name#2", *BEES)])]
    places = [f"hf:org/name/data/train-{number}.jsonl#1" for number in (0, 1)]
    assert named[1] == str([(places[0], *PRIME), (places[1], *BEES)])


def test_without_a_hub_the_seed_that_was_fetched_earlier_is_read(tmp_path: Path) -> None:
    fetch = "import datasets, sys; datasets.load_dataset(sys.argv[1])"
    files = {"train.jsonl": json.dumps({"prompt": PRIME[0], "response": PRIME[1]}).encode()}
    with serve_hub("org/name", files) as (hub, _):
        run(fetch, "org/name", hub, tmp_path).check_returncode()
    printed = run(SEED_OF_HUB, "org/name", "http://127.0.0.1:1", tmp_path).stdout.splitlines()
    assert printed == ["org/name", str([("org/name#1", *PRIME)])]


def test_the_digest_follows_the_content(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "seed.jsonl", {"prompt": "a", "response": "b"})
    file, folder = SeedSettings(source=str(path)), SeedSettings(source=str(tmp_path))
    before = source_digest(file), source_digest(folder)
    assert before == (source_digest(file), source_digest(folder))
    write_lines(path, {"prompt": "a", "response": "c"})
    after = source_digest(file), source_digest(folder)
    assert before[0] != after[0]
    assert before[1] != after[1]
    assert len({*before, *after, source_digest(SeedSettings(source="package:demo"))}) == 5


@pytest.mark.parametrize("source", ["nothing.jsonl", "", "package:other"])
def test_there_is_no_digest_of_nothing(source: str) -> None:
    with pytest.raises(InputError):
        source_digest(SeedSettings(source=source))
