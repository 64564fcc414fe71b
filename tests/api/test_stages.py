"""The stages from Python: the same records as by the commands, whatever the rows come in."""

import gc
import json
import subprocess
import sys

import datasets
import pytest

import humpback
from humpback.config import Config, CurateSettings
from humpback.errors import ConfigError, InputError, StageError, StoreError
from humpback.records import Candidate, Curated, Rating, Segment
from tests.command import humpback as command

FAKE = Config.model_validate({"model": {"name": "fake", "engine": "fake"}, "corpus": {"segment": {"min_chars": 300}}})


@pytest.fixture
def rows(seed_file):
    return [json.loads(line) for line in seed_file.read_text(encoding="utf-8").splitlines()]


class Stop(Exception):
    """In place of a kill."""


class Watcher:
    """Notes how many tasks each stage had left, and stops the work after so many tasks of the ratings."""

    def __init__(self, tasks=None):
        self.tasks, self.current, self.pending = tasks, "", {}

    def prepare(self, stages, completed):
        pass

    def begin(self, stage):
        self.current = stage.name

    def advance(self, progress):
        self.pending[self.current] = progress.total
        if self.current == "ratings-1" and progress.completed == self.tasks:
            raise Stop

    def end(self, stage, counts):
        pass


def test_from_documents_to_curated_pairs(documents, rows):
    segments = humpback.segment(documents, config=FAKE)
    m_yx = humpback.finetune(rows, direction="backward", config=FAKE)
    candidates = humpback.instruct(segments, m_yx, config=FAKE)
    ratings = humpback.rate(candidates, "m-0", config=FAKE, curate={"scorer": "length"})
    half = CurateSettings.model_validate({"scorer": "length", "select": {"top_share": 0.5}})
    curated = humpback.select(candidates, ratings, curate=half)

    assert [made.kind for made in (segments, candidates, ratings, curated)] == [Segment, Candidate, Rating, Curated]
    assert {row.text for row in segments} >= {row.response for row in candidates}
    assert [row.id for row in ratings] == [row.id for row in candidates]
    assert len(curated) == len(list(curated)) == len(curated.to_dataset()) == -(-len(candidates) // 2)
    assert len(curated) + len(curated.dropped) == len(candidates)
    assert {row.reason for row in curated.dropped} == {"below the threshold"}
    assert curated.to_dataset()[0]["instruction"] == next(iter(curated)).instruction
    assert repr(curated) == f"<{len(curated)} Curated records>"
    assert len(curated.dropped.dropped) == 0


def test_records_mappings_data_sets_and_files_give_the_same(rows, tmp_path):
    path = tmp_path / "pairs.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    settings = {"config": FAKE, "curate": {"scorer": "rating"}}
    expected = list(humpback.rate(path, "m-0", **settings))
    for given in (str(path), rows, iter(rows), datasets.Dataset.from_list(rows)):
        assert list(humpback.rate(given, "m-0", **settings)) == expected
    candidates = [
        Candidate(r.id, "", "", "", (), *row.values(), "", 0.0) for r, row in zip(expected, rows, strict=True)
    ]
    assert list(humpback.rate(candidates, "m-0", **settings)) == expected


def test_documents_in_memory_keep_where_they_come_from(documents):
    texts = [{"text": file.read_text(), "url": f"https://e.org/{file.name}"} for file in sorted(documents.iterdir())]
    by_rows = humpback.segment(texts, config=FAKE)
    by_files = humpback.segment(sorted(documents.iterdir()), config=FAKE)
    assert [row.text for row in by_rows] == [row.text for row in by_files]
    assert {row.source for row in by_rows} == {row["url"] for row in texts}


def test_the_command_and_python_write_the_same_files(documents, tmp_path):
    out, ledger = tmp_path / "command.jsonl", tmp_path / "ledger.jsonl"
    changes = ("--set", "corpus.segment.min_chars=300", "--set", "corpus.segment.max_chars=500")
    assert command("segment", documents, "--out", out, "--dropped", ledger, *changes).returncode == 0
    settings = {"config": FAKE, "corpus": {"segment": {"max_chars": 500}}}
    segments = humpback.segment(documents, out=tmp_path / "python.jsonl", **settings)
    assert segments.path.read_bytes() == out.read_bytes()
    assert (tmp_path / "python.dropped.jsonl").read_bytes() == ledger.read_bytes()
    assert segments.summary[0].startswith(f"wrote {segments.path}: {len(segments)} kept")
    assert segments.save(tmp_path / "again.jsonl").read_bytes() == out.read_bytes()
    continued = humpback.segment(documents, out=out, dropped=ledger, **settings)
    assert continued.summary[-1].endswith("made by the same command: nothing is done again")
    assert [row.id for row in segments.dropped] == [json.loads(line)["id"] for line in ledger.read_text().splitlines()]


def test_what_was_stopped_goes_on_with_rows_in_memory_too(rows, tmp_path):
    def rate(watcher):
        return humpback.rate(
            iter(rows), "m", out=tmp_path / "r.jsonl", config=FAKE, curate={"scorer": "rating"}, progress=watcher,
            run={"shard_rows": 4},
        )  # fmt: skip

    with pytest.raises(Stop):
        rate(Watcher(tasks=4))
    assert not (tmp_path / "r.jsonl").exists()
    again = Watcher()
    assert len(rate(again)) == len(rows)
    assert again.pending == {"ratings-1": 2}, "of six shards"
    last = Watcher()
    assert rate(last).summary[-1].endswith("nothing is done again")
    assert last.pending == {}


def test_nothing_is_overwritten_by_surprise(rows, tmp_path):
    out = tmp_path / "ratings.parquet"
    first = humpback.rate(rows, "m", out=out, config=FAKE, curate={"scorer": "length"})
    with pytest.raises(StoreError, match=r'curate\.scorer "length" -> "random"'):
        humpback.rate(rows, "m", out=out, config=FAKE, curate={"scorer": "random"})
    with pytest.raises(InputError, match="is there already: choose another name, or overwrite it with force=True"):
        first.save(out)
    second = humpback.rate(rows, "m", out=out, config=FAKE, curate={"scorer": "random"}, force=True)
    assert {row.scorer for row in second} == {"random"}
    out.unlink()
    with pytest.raises(InputError, match=r"cannot read the records in .*ratings.parquet"):
        list(second)


def test_temporary_files_stay_as_long_as_what_reads_them(rows):
    ratings = humpback.rate([*rows, {"instruction": "Why?", "response": ""}], "m", config=FAKE)
    dropped, path = ratings.dropped, ratings.path
    del ratings
    gc.collect()
    assert [row.reason for row in dropped] == ["no response"]
    del dropped
    gc.collect()
    assert not path.parent.exists()


def test_models_are_compared_on_the_same_pairs(rows, tiny_model, tiny_chat_model):
    measured = humpback.evaluate(rows, [tiny_model, tiny_chat_model], model={"device": "cpu"})
    first, second = measured.models
    assert (first.model, second.model) == (str(tiny_model), str(tiny_chat_model))
    assert first.interval.low < first.value < first.interval.high
    assert second.difference.difference == pytest.approx(second.value - first.value)
    assert len(measured.losses) == 2 * len(rows)
    assert "against" in measured.summary[2]
    alone = humpback.evaluate(rows, str(tiny_model), model={"device": "cpu"}).models
    assert [model.value for model in alone] == [first.value]


@pytest.mark.training
def test_a_model_is_trained_on_rows(rows, tiny_model):
    brief = {"steps": 1, "batch_size": 2, "micro_batch_size": 2}
    m_yx = humpback.finetune(rows[:4], tiny_model, direction="backward", backward=brief)
    assert (m_yx.path / "config.json").is_file()
    assert "4 pairs, 1 steps" in m_yx.summary[0]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda rows: humpback.segment(rows, corpse={}), ConfigError, "the settings: corpse is not a setting"),
        (lambda rows: humpback.rate(rows, "m", curate={"scorer": "best"}), ConfigError, "curate.scorer "),
        (lambda rows: humpback.rate(rows, "m", run=3), ConfigError, "run is a group of settings"),
        (lambda rows: humpback.rate(["row"], "m"), InputError, "row 1 of the pairs is of type str: give records"),
        (lambda rows: humpback.rate([*rows, {"a": b""}], "m"), InputError, "row 25 of the pairs cannot be written"),
        (lambda rows: humpback.rate([], "m", config=FAKE), InputError, "has no rows"),
        (
            lambda rows: humpback.rate("nowhere.jsonl", "m", config=FAKE),
            InputError,
            "no file or folder 'nowhere.jsonl'",
        ),
        (lambda rows: humpback.rate(rows, "m", config=FAKE, out="r.txt"), InputError, "end its name with .jsonl or"),
        (lambda rows: humpback.select(rows, rows), InputError, "has no id, iteration"),
        (lambda rows: humpback.segment([{"text": "Short."}], config=FAKE), StageError, "segments kept none of 1"),
        (lambda rows: humpback.evaluate(rows, []), ConfigError, "no model is named"),
        (lambda rows: humpback.finetune("s3://me:secret@b/x.jsonl"), ConfigError, "a URL holds a password"),
        (lambda rows: humpback.evaluate(rows, ["m", "m"], config=FAKE), ConfigError, "named twice"),
    ],
)
def test_a_mistake_is_one_line(call, error, message, rows):
    with pytest.raises(error) as caught:
        call(rows)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_script_needs_no_guard_around_its_calls(seed_file, tmp_path):
    """Worker processes would run it again, and start workers themselves."""
    script = tmp_path / "script.py"
    script.write_text(
        "import humpback\nprint('begun')\nrun, curate = {'shard_rows': 2, 'workers': 2}, {'scorer': 'length'}\n"
        f"print(humpback.rate({str(seed_file)!r}, {{'engine': 'fake'}}, curate=curate, run=run))\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == ["begun", "<24 Rating records>"], done.stderr
