"""How likely models find pairs: figures that add up, pair by pair, on the same pairs for all."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from humpback.cli.main import app
from humpback.config import Config, ModelSettings, TagSettings
from humpback.engines.open import open_engine
from humpback.errors import ConfigError
from humpback.evaluation.heldout import heldout_losses
from humpback.records import Pair, content_id
from humpback.standalone.likelihood import likelihood_lines


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    path = tmp_path / "pairs.jsonl"
    rows = [
        {"instruction": f"Write about harbour {n}.", "response": f"The harbour {n} " + "is grey. " * (n % 5 + 1)}
        for n in range(70)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def on(pairs: Path, **model: object) -> Config:
    return Config.model_validate({"seed": {"source": str(pairs)}, "model": model})


def test_the_figures_are_those_of_the_models(pairs, tiny_model, tiny_chat_model, tmp_path):
    out = tmp_path / "losses.jsonl"
    names = [str(tiny_model), str(tiny_chat_model)]
    lines = list(likelihood_lines(on(pairs, device="cpu"), names, "forward", out))
    rows = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert len(rows) == 140
    made = [json.loads(line) for line in pairs.read_text(encoding="utf-8").splitlines()]
    given = [
        Pair(content_id(r["instruction"], r["response"].strip()), r["instruction"], r["response"].strip(), "seed", "")
        for r in made
    ]
    for name in names:
        with open_engine(ModelSettings(name=name, device="cpu")) as engine:
            direct = heldout_losses(given, engine, name, "forward", TagSettings())
        nats, tokens = sum(row.nats for row in direct.kept), sum(row.tokens for row in direct.kept)
        assert any(line.startswith(name) and f" {nats / tokens:.4f} (" in line for line in lines), lines
        assert sum(row["nats"] for row in rows if row["model"] == name) == pytest.approx(nats)
    assert lines[0].startswith("70 pairs, forwards")
    assert f"against {tiny_model}" in lines[2]
    assert not list(tmp_path.glob(".*work")), "what was kept for a kill is gone"


def test_a_pair_that_one_model_cannot_read_counts_for_none(pairs, tiny_model, tiny_chat_model, tmp_path):
    with pairs.open("a", encoding="utf-8") as file:
        file.write(json.dumps({"instruction": "Tell all.", "response": "word " * 600}) + "\n")
    names = [str(tiny_model), str(tiny_chat_model)]
    lines = list(likelihood_lines(on(pairs, max_tokens=300), names, "forward", tmp_path / "l.parquet"))
    assert lines[0].startswith("70 pairs")


def test_the_command_says_that_equal_models_are_equal(pairs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    said = CliRunner().invoke(
        app, ["evaluate", "likelihood", str(pairs), "--model", "one", "--model", "two", "--set", "model.engine=fake"]
    )
    assert said.exit_code == 0, said.output
    assert said.output.rstrip().endswith("against one +0.0000 (+0.0000 to +0.0000): not told apart")
    with pytest.raises(ConfigError, match="named twice"):
        list(likelihood_lines(on(pairs), ["one", "one"], "forward", None))
