"""`humpback status`: running, stopped, failed, done or to do; the same for people and for programs."""

import json
import os
import re
import socket
import time
from pathlib import Path
from typing import get_args

import pytest

from humpback.runs.run_status import RunState
from humpback.runs.store import Run
from tests.command import humpback, mistake


def facts(folder) -> dict:
    done = humpback("status", folder, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def half(config_file, tmp_path):
    """A run of which two stages are done."""
    assert humpback("run", config_file, "--out", tmp_path / "run", "--until", "segments").returncode == 0
    return tmp_path / "run"


def test_a_run_that_was_ended_on_the_way_can_be_continued(half):
    status = facts(half)
    assert (status["state"], status["stages_done"], status["stages_total"]) == ("stopped", 2, 14)
    assert status["process"] is None
    assert status["stages"][1]["dropped"] == {"too short": 12}
    assert [stage["state"] for stage in status["stages"]] == ["done"] * 2 + ["to do"] * 12
    text = humpback("status", half).stdout.splitlines()
    assert text[-1] == "stopped: 2 of 14 stages are done; run it again to continue"
    assert "12 too short" in text[1]


def test_a_run_at_work_names_its_process_and_how_far_it_is(half):
    run = Run(half)
    with run.locked():
        minute_ago = time.strftime("%Y-%m-%dT%H:%M:%S%z", time.localtime(time.time() - 60))
        with (half / "log.jsonl").open("a", encoding="utf-8") as log:
            log.write(json.dumps({"time": minute_ago, "event": "begin", "stage": "lines"}) + "\n")
        assert facts(half)["progress"]["completed"] == 0, "it has not reported a step"
        run.save_progress({"stage": "lines", "unit": "map tasks", "completed": 3, "total": 5, "per_second": 0.5})
        status = facts(half)
        line = humpback("status", half).stdout.splitlines()[-1]
    assert (status["state"], status["process"], status["machine"]) == ("running", os.getpid(), socket.gethostname())
    assert 60 <= status["progress"].pop("seconds") < 120
    assert status["progress"] == {
        **{"stage": "lines", "unit": "map tasks", "completed": 3, "total": 5, "per_second": 0.5},
        **{"seconds_left": 4.0, "loss": None, "answers": 0, "tokens": 0, "cost": 0.0, "batches": ""},
    }
    assert [stage["state"] for stage in status["stages"]][1:4] == ["done", "running", "to do"]
    assert line.startswith(f"running: process {os.getpid()} on {socket.gethostname()}; 2 of 14 stages are done; ")
    assert line.endswith(" s, 3 of 5 map tasks, 30.0 a minute, 4 s left")


def test_a_process_that_died_is_not_running(half):
    run = Run(half)
    with run.locked():
        run.log("begin", stage="lines", shards=0)
        run.save_progress({"stage": "lines", "unit": "map tasks", "completed": 3, "total": 5})
    # As after a kill: the log ends with the beginning of a stage, and nobody holds the lock.
    status = facts(half)
    assert (status["state"], status["progress"], status["process"]) == ("stopped", None, None)
    assert status["stages"][2]["state"] == "stopped"


def test_a_run_that_failed_says_why_until_it_is_mended(config_file, tmp_path):
    command = ("run", config_file, "--out", tmp_path / "run")
    too_long = ("--set", "corpus.segment.min_chars=5000", "--set", "corpus.segment.max_chars=9000")
    assert "segments kept none" in mistake(*command, *too_long)
    status = facts(tmp_path / "run")
    assert status["state"] == "failed"
    assert status["reason"].startswith("segments: segments kept none")
    line = humpback("status", tmp_path / "run").stdout.splitlines()[-1]
    assert line == f"failed: {status['reason']}; {status['stages_done']} of 14 stages are done"
    assert humpback(*command).returncode == 0
    status = facts(tmp_path / "run")
    assert (status["state"], status["reason"], status["stages_done"]) == ("done", "", 14)


def test_a_folder_with_a_run_and_an_experiment_has_the_stages_of_both(half):
    Run(half).save_stage_names(["seed", "forward-1.random-4.s1"])
    names = [stage["name"] for stage in facts(half)["stages"]]
    assert (len(names), names[-1]) == (15, "forward-1.random-4.s1")


def test_an_error_that_is_a_bug_is_a_failure_too(half):
    run = Run(half)
    with pytest.raises(ZeroDivisionError), run.recorded("lines"):
        1 / 0  # noqa: B018
    assert facts(half)["reason"] == "lines: ZeroDivisionError: division by zero"
    with pytest.raises(KeyboardInterrupt), run.recorded("lines"):
        raise KeyboardInterrupt
    assert facts(half)["state"] == "stopped"


def test_a_delivery_that_failed_is_seen_though_all_stages_are_done(config_file, tmp_path):
    assert humpback("run", config_file, "--out", tmp_path / "run").returncode == 0
    with pytest.raises(OSError, match="full"), Run(tmp_path / "run").recorded("export"):
        raise OSError("full")
    assert (facts(tmp_path / "run")["state"], facts(tmp_path / "run")["reason"]) == ("failed", "export: OSError: full")
    assert humpback("export", tmp_path / "run").returncode == 0
    assert facts(tmp_path / "run")["state"] == "done"


def test_a_plan_for_programs_has_what_the_text_has(half, config_file):
    printed = json.loads(humpback("plan", config_file, "--out", half, "--json").stdout)
    text = humpback("plan", config_file, "--out", half).stdout
    assert [stage["state"] for stage in printed["stages"]] == ["done"] * 2 + ["to do"] * 12
    for stage in printed["stages"]:
        assert stage["name"] in text
        assert stage["does"] in text
    changed = humpback("plan", config_file, "--out", half, "--set", "corpus.segment.min_chars=310", "--json")
    stale = json.loads(changed.stdout)["stages"][1]
    assert (stale["state"], stale["why"]) == ("stale", ["corpus.segment.min_chars 300 -> 310"])


def test_doctor_for_programs_has_numbers():
    printed = json.loads(humpback("doctor", "--json").stdout)
    assert printed["memory_bytes"] > printed["memory_free_bytes"] > 0
    assert printed["libraries"]["torch"]
    assert printed["extras"]["dev"] is True
    assert printed["gpus"] == [] or printed["gpus"][0]["name"]


def test_the_documented_fields_are_those_that_are_printed(half, config_file):
    with Run(half).locked():
        Run(half).log("begin", stage="lines")
        status = facts(half)
    planned = json.loads(humpback("plan", config_file, "--out", half, "--json").stdout)
    doctor = json.loads(humpback("doctor", "--json").stdout)
    text = (Path(__file__).parents[2] / "docs" / "commands.md").read_text(encoding="utf-8")
    for command, printed in (("status", status), ("plan", planned), ("doctor", doctor)):
        table = text.partition(f"| field of `{command}` |")[2].partition("\n\n")[0]
        rows = [row.split("|") for row in table.splitlines()[2:]]
        assert {name for row in rows for name in re.findall("`(.+?)`", row[1])} == set(printed), command
        described = {row[1].strip(): row[2] for row in rows}
        parts = [("stages", stage) for stage in printed.get("stages", [])[:1]]
        for field, values in [*parts, ("progress", printed.get("progress") or {})]:
            assert set(values) <= set(re.findall("`(.+?)`", described.get(f"`{field}`", ""))), field


def test_the_states_that_an_agent_is_told_about_are_all_there_are():
    text = (Path(__file__).parents[2] / "SKILL.md").read_text(encoding="utf-8")
    table = text.partition("| `state` |")[2].partition("\n\n")[0]
    assert set(re.findall("^\\| `(.+?)`", table, re.MULTILINE)) == set(get_args(RunState))
