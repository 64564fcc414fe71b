"""A byte of what a run has left is flipped: the rest of the run gives the same records, or ends with one line."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

from tests.torture.conftest import EVERY
from tests.torture.runs import records

PARTS = 8
BYTES = 1200
"""So many bytes of all are flipped, a different bit of each."""
UNTIL = ("candidates", "forward-1")


def unfinished(undisturbed, stage: str) -> Path:
    """A run that is done up to a stage; made once."""
    run = undisturbed.folder / f"until-{stage}"
    if not run.exists():
        done = undisturbed.warm.run("run", undisturbed.config, "--out", run, "--until", stage, root=run)
        assert done.code == 0, done.errors
    return run


def bytes_of(run: Path, step: int) -> list[tuple[Path, int]]:
    """Each file, and each so many-th byte of all of them."""
    places = [
        (path.relative_to(run), at)
        for path in sorted(run.rglob("*"))
        if path.is_file()
        for at in range(path.stat().st_size)
    ]
    return places[::step]


def flipped(undisturbed, run: Path, place: tuple[Path, int]) -> str:
    name, at = place
    out = undisturbed.empty()
    shutil.copytree(run, out)
    content = bytearray((out / name).read_bytes())
    content[at] ^= 1 << random.Random(f"{name} {at}").randrange(8)
    (out / name).write_bytes(content)
    done = undisturbed.run(out)
    if done.code:
        return "" if done.one_line() else f"it ended with {done.code}: {done.errors[-600:]}"
    found, damaged = records(out), str(name)
    wrong = [key for key in undisturbed.records if key != damaged and found.get(key) != undisturbed.records[key]]
    if wrong:
        return f"other records: {', '.join(wrong)}"
    if name.parts[0] == "stages" and damaged in found and found[damaged] != undisturbed.records[damaged]:
        seen = undisturbed.warm.run("verify", out, root=out)
        return "" if (seen.code, seen.errors) == (1, "") else f"verify says nothing: {seen}"
    return ""


@pytest.mark.torture
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("stage", UNTIL)
def test_a_flipped_byte_anywhere_changes_no_record_without_a_word(undisturbed, sweep, stage, part):
    run = unfinished(undisturbed, stage)
    size = len(bytes_of(run, 1))
    places = bytes_of(run, max(1, size * len(UNTIL) * EVERY // BYTES))
    sweep("a flipped byte", iter(places[part::PARTS]), lambda place: flipped(undisturbed, run, place))
