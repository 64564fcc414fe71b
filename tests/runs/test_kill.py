"""`kill -9` at any moment of any stage, with a real model and real training: the same records, no work done twice."""

import time
from pathlib import Path

import pytest
import yaml

from humpback.records import Candidate, Curated, HeldOutLoss, Likeness, Pair, Rating, SeedDirection, Segment
from humpback.runs.store import Run
from tests.killing import Fork, kill_when, typed, written_at

pytestmark = pytest.mark.kill

KINDS = {
    **{
        "seed": Pair,
        "segments": Segment,
        "lines": Segment,
        "unique": Segment,
        "candidates": Candidate,
        "evaluation": HeldOutLoss,
    },
    **{"ratings-1": Rating, "curated-1": Curated},
}


@pytest.fixture
def real_config(settings: dict, tmp_path: Path, tiny_model: Path) -> Path:
    """One iteration with a model of two layers; M_yx and M_t are really trained, with checkpoints on the way."""
    training = {"steps": 12, "batch_size": 4, "checkpoint_steps": 4, "learning_rate": 1e-3}
    real = settings | {
        "model": {"name": str(tiny_model), "max_tokens": 3000, "device": "cpu"},
        "run": {"iterations": 1, "shard_rows": 3},
        "corpus": settings["corpus"] | {"limit": 9},
        "backward": training,
        "forward": training,
        # An untrained model writes noise: take what it gives, so that every stage has something to do.
        "augment": {"max_new_tokens": 12, "min_chars": 1, "per_segment": 4},
        "curate": {"scorer": "expected-rating", "select": {"top_share": 0.5}},
    }
    path = tmp_path / "real.yaml"
    path.write_text(yaml.safe_dump(real), encoding="utf-8")
    return path


def start(config: Path, out: Path, *options: str) -> Fork:
    """Starts the command line in a process of its own."""
    return typed("run", config, "--out", out, *options)


def records(folder: Path) -> dict[str, list[object]]:
    """All records of a run, kept and dropped."""
    run = Run(folder)
    return {name: [*run.stage(name).records(kind), *run.stage(name).dropped()] for name, kind in KINDS.items()}


def _finish(process: Fork) -> None:
    output, _ = process.communicate()
    assert process.returncode == 0, output.decode()


MOMENTS = (
    ("segments", "part-00001.parquet"),
    ("unique", "work/settled/part-00000.parquet"),
    ("backward", "work/checkpoint-4/*"),
    ("backward", "work/out/*"),
    ("forward-0", "work/checkpoint-8/*"),
    ("candidates", "part-00000.parquet"),
    ("ratings-1", "part-00001.parquet*"),
    ("forward-1", "trained.json*"),
    ("evaluation", "part-2000000.parquet"),
)


def segment(documents: Path, out: Path) -> Fork:
    """Starts `humpback segment` in a process of its own."""
    options = ("--set", "run.shard_rows=1", "--set", "corpus.segment.min_chars=300")
    return typed("segment", documents, "--out", out, *options)


@pytest.mark.slow
def test_segmenting_files_goes_on_after_a_kill_and_leaves_nothing_beside_its_result(documents, tmp_path):
    whole, killed = tmp_path / "whole.jsonl", tmp_path / "killed.jsonl"
    _finish(segment(documents, whole))
    work = tmp_path / ".killed.jsonl.work" / "stages"
    for stage, pattern in (("segments", "part-00003.parquet"), ("unique", "part-00002.parquet")):
        assert kill_when(segment(documents, killed), work / stage, pattern)
        assert not killed.exists()
    finished = {path: path.stat().st_mtime_ns for path in work.glob("segments/part-*.parquet")}
    assert len(finished) == 12
    last = segment(documents, killed)
    while last.poll() is None:
        for path, moment in finished.items():
            assert written_at(path) in (moment, None), "it was committed and then written again"
        time.sleep(0.01)
    _finish(last)
    assert killed.read_bytes() == whole.read_bytes()
    assert sorted(path.name for path in tmp_path.glob("*killed*")) == [".killed.jsonl.made.json", "killed.jsonl"]


@pytest.mark.slow
def test_choosing_goes_on_after_a_kill_and_chooses_the_same(real_config, tmp_path):
    choose = ("corpus.choose.share=0.5", "corpus.choose.by=hidden", "corpus.choose.clusters=3")
    options = ("--until", "chosen", *(part for setting in choose for part in ("--set", setting)))
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    _finish(start(real_config, whole, *options))
    for stage, pattern in (("direction", "part-00000.parquet"), ("likeness", "part-00001.parquet")):
        assert kill_when(start(real_config, killed, *options), killed / "stages" / stage, pattern)
    _finish(start(real_config, killed, *options))
    for stage, kind in (("direction", SeedDirection), ("likeness", Likeness), ("chosen", Segment)):
        first, second = (Run(folder).stage(stage) for folder in (whole, killed))
        assert [*first.records(kind), *first.dropped()] == [*second.records(kind), *second.dropped()]


@pytest.mark.training
@pytest.mark.slow
def test_a_run_that_is_killed_again_and_again_ends_as_if_it_never_was(real_config, tmp_path):
    _finish(start(real_config, tmp_path / "whole"))

    killed = tmp_path / "killed"
    kills = 0
    written: dict[Path, int] = {}
    for stage, pattern in MOMENTS:
        kills += kill_when(start(real_config, killed), killed / "stages" / stage, pattern)
        for path, moment in written.items():
            assert path.stat().st_mtime_ns == moment, f"{path} was committed and then written again"
        written = {path: path.stat().st_mtime_ns for path in (killed / "stages").glob("*/part-*.parquet")}
    _finish(start(real_config, killed))
    assert kills == len(MOMENTS), "every kill must hit"
    assert records(killed) == records(tmp_path / "whole")
