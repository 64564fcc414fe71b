"""Every operation on the disk fails once, at each moment of a run; a power cut comes after each; a kill before each."""

from __future__ import annotations

import random

import pytest

from tests.torture.conftest import EVERY
from tests.torture.power import NOTHING, STATES, left_by_a_power_cut

PARTS = 8
FAULTS = ("full", "short", "broken", "forbidden", "read-only", "kill")


def disturbed(undisturbed, fault: str, at: int) -> str:
    """One line or all records, and the run after it ends as if nothing had been."""
    out = undisturbed.empty()
    first = undisturbed.run(out, fault, at)
    if fault == "kill":
        if first.code != -9:
            return f"it ended with {first.code}: {first.errors[-600:]}"
    elif first.code == 0:
        if difference := undisturbed.difference(out):
            return f"it ended well with other records: {difference}"
    elif not first.one_line():
        return f"it ended with {first.code}: {first.errors[-600:]}"
    return undisturbed.continues(out)


@pytest.mark.parametrize(("fault", "share"), [("full", 0.3), ("kill", 0.4)])
def test_a_fault_of_the_disk_is_one_line_and_costs_no_record(undisturbed, sweep, fault, share):
    at = int(len(undisturbed.log) * share)
    sweep(f"disk: {fault}", iter([at]), lambda at: disturbed(undisturbed, fault, at))


@pytest.mark.torture
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_at_every_operation(undisturbed, sweep, fault, part):
    writes = [at for at, operation in enumerate(undisturbed.log) if operation[0] == "write"]
    numbers = writes if fault == "short" else range(len(undisturbed.log))
    sweep(f"disk: {fault}", iter(numbers[part * EVERY :: PARTS * EVERY]), lambda at: disturbed(undisturbed, fault, at))


def cut_off(undisturbed, at: int, state: str) -> str:
    """The power is cut after an operation: the run after it gives the same records."""
    out = undisturbed.empty()
    root = undisturbed.folder / "run"
    left_by_a_power_cut(undisturbed.log[:at], root, out, state, random.Random(at))
    return undisturbed.continues(out)


def test_a_power_cut_between_the_end_of_a_training_and_its_model_costs_nothing(undisturbed, sweep):
    renames = [at for at, operation in enumerate(undisturbed.log) if operation[0] == "rename"]
    at = next(at for at in renames if undisturbed.log[at][2].endswith("forward-0/model"))
    sweep(f"power cut: {NOTHING}", iter([at + 1]), lambda at: cut_off(undisturbed, at, NOTHING))


def test_a_model_that_a_power_cut_took_out_of_both_folders_of_its_rename_is_trained_again(undisturbed):
    out = undisturbed.empty()
    at = next(at for at, step in enumerate(undisturbed.log) if step[0] == "rename" and step[1].endswith("-0/work/out"))
    left_by_a_power_cut(undisturbed.log[:at], undisturbed.folder / "run", out, NOTHING, random.Random(at))
    (out / "stages" / "forward-0" / "work" / "out" / "humpback.json").unlink()
    (out / "stages" / "forward-0" / "work" / "out").rmdir()
    assert undisturbed.continues(out) == ""


def test_all_that_a_run_has_finished_is_on_the_disk(undisturbed):
    """A power cut after the end costs no shard, manifest or exported file."""
    out = undisturbed.empty()
    left_by_a_power_cut(undisturbed.log, undisturbed.folder / "run", out, NOTHING, random.Random(0))
    assert undisturbed.difference(out) == ""
    manifests = {path.relative_to(out) for path in out.rglob("manifest.json")}
    whole = undisturbed.folder / "run"
    assert manifests == {path.relative_to(whole) for path in whole.rglob("manifest.json")}


@pytest.mark.torture
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("state", STATES)
def test_a_power_cut_after_every_operation(undisturbed, sweep, state, part):
    numbers = range(part * EVERY, len(undisturbed.log) + 1, PARTS * EVERY)
    sweep(f"power cut: {state}", iter(numbers), lambda at: cut_off(undisturbed, at, state))
