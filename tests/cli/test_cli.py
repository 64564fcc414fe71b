"""The command line: what a user types, what comes back, and one clear line for every mistake."""

import io
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from transformers import AutoModelForCausalLM
from typer.testing import CliRunner

from humpback.cli.main import app
from humpback.cli.output import in_colour
from tests.command import humpback, mistake

ROOT = Path(__file__).parents[2]


def process(*arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own, as a shell starts it."""
    command = [sys.executable, "-m", "humpback", *map(str, arguments)]
    environment = os.environ | {"COLUMNS": "200", "HF_HUB_OFFLINE": "1"}
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=environment, timeout=300, check=False)


COMMANDS = "init run plan status report export chat serve doctor segment finetune instruct rate select".split()


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command):
    done = humpback(command, "--help")
    assert done.returncode == 0
    assert f"Example: humpback {command}" in done.stdout


@pytest.mark.parametrize("group", [(), ("evaluate",)])
def test_the_list_of_commands_fits_a_terminal_of_80_columns(group):
    shown = CliRunner().invoke(app, [*group, "--help"], env={"COLUMNS": "80"}).output
    commands = shown.partition("Commands:")[2].splitlines()
    assert len(commands) >= 9
    for line in commands:
        assert len(line) <= 80
        assert not line.endswith("..."), "cut off"


def test_the_version_and_completion_can_be_asked_for():
    assert humpback("--version").stdout == humpback("version").stdout
    assert "--install-completion" in humpback("--help").stdout


@pytest.mark.parametrize("no_color", ["", "1"])
def test_no_color_is_respected(no_color, monkeypatch):
    monkeypatch.setenv("NO_COLOR", no_color)
    terminal = io.StringIO()
    terminal.isatty = lambda: True
    assert in_colour(terminal) == (not no_color)
    assert not in_colour(io.StringIO())


def test_a_run_from_config_to_delivery(config_file, tmp_path):
    out = tmp_path / "run"
    before = humpback("plan", config_file, "--out", out)
    assert before.stdout.count("to do") == 14
    done = humpback("run", config_file, "--out", out)
    assert done.returncode == 0, done.stderr
    assert str(out / "report.html") in done.stdout
    assert (out / "export" / "dataset" / "README.md").is_file()
    assert humpback("plan", config_file, "--out", out).stdout.count("done") == 14
    changed = humpback("plan", config_file, "--out", out, "--set", "augment.top_p=0.5")
    assert "augment.top_p 0.9 -> 0.5" in changed.stdout
    before_refusal = (out / "config.yaml").read_text(encoding="utf-8")
    assert "--redo candidates" in mistake("run", config_file, "--out", out, "--set", "augment.top_p=0.5")
    assert (out / "config.yaml").read_text(encoding="utf-8") == before_refusal
    assert "curated-2" in humpback("status", out).stdout
    assert "report.html" in humpback("report", out).stdout
    assert "dataset" in humpback("export", out).stdout


def test_a_stale_stage_names_the_source_or_the_model_that_changed(
    config_file, documents, seed_file, tiny_model, tmp_path
):
    out = ("--out", tmp_path / "run")
    assert humpback("run", config_file, *out, "--until", "backward").returncode == 0
    (tmp_path / "other.jsonl").write_bytes(seed_file.read_bytes() + b"\n")
    (documents / "more.md").write_text("# More\n\nMore of it.\n", encoding="utf-8")
    changes = ("--set", f"seed.source={tmp_path / 'other.jsonl'}", "--set", f"model.name={tiny_model}")
    plan = humpback("plan", config_file, *out, *changes, "--set", "model.engine=transformers").stdout
    assert f"seed.source {seed_file} -> {tmp_path / 'other.jsonl'}" in plan
    assert f"the content of corpus.documents {documents} changed" in plan
    assert f"model.name package:gemma3-270m -> {tiny_model}" in plan
    assert not re.search(r"[0-9a-f]{16}", plan.replace(str(tmp_path), ""))


def test_a_run_may_stop_on_the_way_and_go_on(config_file, tmp_path):
    out = tmp_path / "run"
    done = humpback("run", config_file, "--out", out, "--until", "unique")
    assert done.returncode == 0, done.stderr
    plan = humpback("plan", config_file, "--out", out).stdout
    assert (plan.count("done"), plan.count("to do")) == (4, 10)
    assert not (out / "report.html").exists()
    assert humpback("run", config_file, "--out", out).returncode == 0
    assert (out / "report.html").exists()


def test_from_a_shell_the_shipped_configuration_is_planned_and_a_mistake_is_one_line(tmp_path):
    planned = process("plan", "package:demo", "--out", tmp_path / "run")
    assert planned.returncode == 0, planned.stderr
    assert "disk: " in planned.stdout.splitlines()[-1]
    wrong = process("run", "nowhere.yaml", cwd=tmp_path)
    assert wrong.returncode == 2
    assert wrong.stderr.startswith("humpback: no file nowhere.yaml")
    assert wrong.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "call",
    [
        "from humpback.cli.main import app",
        "from humpback.cli.session import show_plan; show_plan('package:demo', '', [])",
        "from humpback.cli.session import show_status; show_status('run')",
    ],
)
def test_help_plan_and_status_wait_for_no_heavy_library(call, config_file, tmp_path):
    if "run" in call:
        assert humpback("run", config_file, "--out", tmp_path / "run", "--until", "segments").returncode == 0
    heavy = {"torch", "transformers", "trl", "datasets", "peft", "accelerate", "pyarrow", "numpy", "lxml", "ray"}
    code = f"import sys; {call}; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_plan_says_what_the_models_take_on_the_disk(config_file, tiny_model):
    changes = ("--set", f"model.name={tiny_model}", "--set", "model.engine=transformers")
    changes += ("--set", "backward.keep_checkpoints=100000", "--set", "forward.method=lora")
    line = humpback("plan", config_file, *changes).stdout.splitlines()[-1]
    found = re.fullmatch(
        r"disk: 4 models of 0\.0 GiB, and up to ([\d.]+) GiB of checkpoints while one is trained", line
    )
    assert found, line
    weights = AutoModelForCausalLM.from_pretrained(tiny_model).num_parameters()
    assert float(found[1]) == pytest.approx(100_001 * weights * 12 / 2**30, rel=0.01)


def test_doctor_names_what_there_is():
    done = humpback("doctor")
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    assert {line.split()[1] for line in done.stdout.splitlines() if line.startswith("extra ")} == set(extras)
    assert re.search(r"^extra office +installed$", done.stdout, re.MULTILINE)
    assert done.returncode == 0
    for word in ("processor", "memory", "torch", "package:gemma3-270m", "hub"):
        assert word in done.stdout


def write(path: Path, settings: dict) -> Path:
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    return path


def test_all_mistakes_of_a_config_are_told_at_once(tmp_path):
    path = write(tmp_path / "bad.yaml", {"run": {"iterations": 0, "itterations": 2}, "curate": {"scorer": "gpt"}})
    line = mistake("run", path)
    assert "run.iterations" in line
    assert "run.itterations is not a setting" in line
    assert "curate.scorer" in line


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"seed": {"source": "nowhere.jsonl"}}, "nowhere.jsonl"),
        ({"corpus": {"documents": ["nowhere/"]}}, "nowhere"),
        ({"model": {"engine": "transformers", "name": "./nowhere"}}, "/nowhere: give a folder, a GGUF file"),
        ({"seed": {"columns": {"response": "antwort"}}}, "antwort"),
        ({"corpus": {"segment": {"min_chars": 5000, "max_chars": 9000}}}, "segments kept none"),
        ({"curate": {"select": {"threshold": 9}}}, "select.threshold 9 is above the highest score, 5"),
        ({"corpus": {"documents": ["https://me:secret@host.invalid/docs.jsonl"]}}, "write ${NAME} in its place"),
        ({"decontaminate": {"against": ["prompts.jsonl"]}}, "prompts.jsonl"),
    ],
)
def test_a_mistake_is_one_line_with_exit_code_2(change, expected, settings, tmp_path):
    merged = {key: {**settings.get(key, {}), **change.get(key, {})} for key in {*settings, *change}}
    line = mistake("run", write(tmp_path / "run.yaml", merged), "--out", tmp_path / "run", cwd=tmp_path)
    assert expected in line
    assert "secret" not in line


def test_no_config_and_no_run(tmp_path):
    assert "no file nowhere.yaml" in mistake("run", "nowhere.yaml", cwd=tmp_path)
    assert "no run in" in mistake("status", tmp_path)
    assert "no configuration 'other' is shipped" in mistake("plan", "package:other")
    assert "has no value" in mistake("plan", "package:demo", "--set", "run.seed")
    assert "--until uniqe: no such stage: the stages are seed, segments" in mistake(
        "run", "package:demo", "--until", "uniqe", cwd=tmp_path
    )
    assert not (tmp_path / "runs").exists()


def test_an_empty_seed_is_one_line(settings, tmp_path):
    (tmp_path / "seed.jsonl").write_text('{"instruction": "Say hi.", "response": ""}\n', encoding="utf-8")
    line = mistake("run", write(tmp_path / "run.yaml", settings), "--out", tmp_path / "run")
    assert "seed" in line


def rows(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.mark.training
def test_the_stages_one_by_one_on_files(documents, seed_file, tiny_model, tmp_path):
    size = ["--set", "model.max_tokens=3000"]
    training = ["--set", "{0}.steps=2", "--set", "{0}.batch_size=2", "--set", "{0}.learning_rate=0.001"]
    done = humpback("segment", documents, "--out", "segments.jsonl", "--set", "corpus.segment.min_chars=300",
                    "--set", "corpus.segment.max_chars=1200", "--dropped", "dropped.jsonl", cwd=tmp_path)  # fmt: skip
    assert done.returncode == 0, done.stderr
    segments = rows(tmp_path / "segments.jsonl")
    assert len(segments) == 24
    assert {row["reason"] for row in rows(tmp_path / "dropped.jsonl")} == {"too short"}

    for direction in ("backward", "forward"):
        extra = [item.format(direction) for item in training]
        done = humpback("finetune", seed_file, "--direction", direction, "--model", tiny_model,
                        "--out", f"m-{direction}", *extra, *size, cwd=tmp_path)  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert (tmp_path / f"m-{direction}" / "model.safetensors").is_file()

    # A model of two layers writes noise: give it room, so that something is left.
    few = (tmp_path / "segments.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)[:6]
    (tmp_path / "few.jsonl").write_text("".join(few), encoding="utf-8")
    loose = ["--set", "augment.max_new_tokens=300", "--set", "augment.per_segment=3", *size]
    done = humpback("instruct", "few.jsonl", "--model", "m-backward", "--out", "candidates.parquet",
                    "--dropped", "noise.jsonl", *loose, cwd=tmp_path)  # fmt: skip
    assert done.returncode == 0, done.stderr

    done = humpback("rate", seed_file, "--model", "m-forward", "--out", "ratings.jsonl",
                    "--set", "curate.scorer=expected-rating", *size, cwd=tmp_path)  # fmt: skip
    assert done.returncode == 0, done.stderr
    ratings = rows(tmp_path / "ratings.jsonl")
    assert len(ratings) == 24
    assert all(1 <= row["score"] <= 5 for row in ratings)

    done = humpback("rate", seed_file, "--model", "m-forward", "--backward", "m-backward", "--out", "both.jsonl",
                    "--set", "curate.scorer=ensemble", "--set", 'curate.ensemble={"length": 1, "stored-gain": 1}',
                    cwd=tmp_path)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert all("stored-gain=" in row["reply"] and 0 < row["score"] < 1 for row in rows(tmp_path / "both.jsonl"))
    assert "and by two-questions: leave --backward out" in mistake(
        "rate", seed_file, "--model", "m-forward", "--backward", "m-backward", "--set", "curate.scorer=length",
        cwd=tmp_path)  # fmt: skip

    done = humpback("select", seed_file, "ratings.jsonl", "--out", "curated.jsonl", "--dropped", "others.jsonl",
                    "--set", "curate.select.top_n=5", cwd=tmp_path)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert len(rows(tmp_path / "others.jsonl")) == 19
    best = sorted(row["score"] for row in ratings)[-5:]
    assert sorted(row["score"] for row in rows(tmp_path / "curated.jsonl")) == best

    done = humpback("select", seed_file, "ratings.jsonl", "--out", "diverse.jsonl", "--set", "curate.select.top_n=5",
                    "--set", "curate.select.clusters=3", cwd=tmp_path)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert len(rows(tmp_path / "diverse.jsonl")) == 5
    assert "clusters share out a number" in mistake("select", seed_file, "ratings.jsonl", "--out", "none.jsonl",
                                                    "--set", "curate.select.clusters=3", cwd=tmp_path)  # fmt: skip


def test_mistakes_on_files(seed_file, tmp_path):
    assert "end its name with .jsonl or .parquet" in mistake("segment", seed_file, "--out", tmp_path / "x.csv")
    (tmp_path / "m").mkdir()
    assert "is there already" in mistake("finetune", seed_file, "--out", tmp_path / "m")
    (tmp_path / "other.jsonl").write_text('{"words": "Hello."}\n', encoding="utf-8")
    fake = ("--model", "x", "--set", "model.engine=fake")
    line = mistake("instruct", tmp_path / "other.jsonl", *fake, cwd=tmp_path)
    assert "row 1 has no text in 'text' (columns: words): name the column with --set corpus.text_column" in line
    assert "no file" in mistake("rate", tmp_path / "none.jsonl", *fake, cwd=tmp_path)
    assert not list(tmp_path.glob("candidates*"))
