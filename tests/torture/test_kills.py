"""A real run, with real training, is stopped, let go on and killed at any moment on a busy machine: same records."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from tests.killing import Fork
from tests.runs.test_kill import real_config, records, start  # noqa: F401 - a fixture

KILLS = int(os.environ.get("KILLS", "200"))
PARTS = 8
LONGEST_SECONDS = 12.0


@pytest.fixture
def busy() -> Iterator[None]:
    """Two processes that take what they can of the processor."""
    burners = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2)]
    yield
    for burner in burners:
        burner.kill()
        burner.wait()


def killed_at_random(process: Fork, draw: random.Random) -> bool:
    """Stops the process and lets it go on a few times, then kills it; False where it ended before."""
    end = time.monotonic() + draw.uniform(0.5, LONGEST_SECONDS)
    while (left := end - time.monotonic()) > 0:
        if process.poll() is not None:
            return False
        time.sleep(min(left, draw.uniform(0.05, 3)))
        process.send_signal(signal.SIGSTOP)
        time.sleep(draw.uniform(0.01, 0.5))
        process.send_signal(signal.SIGCONT)
    process.kill()
    process.communicate()
    return process.returncode == -signal.SIGKILL


@pytest.mark.torture
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("part", range(PARTS))
def test_kills_at_random_moments_of_a_real_run_change_no_record(real_config, tmp_path, busy, sweep, part):  # noqa: F811
    draw = random.Random(f"{part} of {KILLS}")
    undisturbed = start(real_config, tmp_path / "whole")
    output, _ = undisturbed.communicate()
    assert undisturbed.returncode == 0, output.decode()
    expected = records(tmp_path / "whole")
    runs = 0

    def attempt(number: int) -> str:
        nonlocal runs
        out = tmp_path / f"run-{runs}"
        process = start(real_config, out)
        if killed_at_random(process, draw):
            return ""
        output, _ = process.communicate()
        runs += 1
        if process.returncode:
            return f"it ended with {process.returncode}: {output.decode()[-600:]}"
        return "" if records(out) == expected else f"other records in {out}"

    sweep("kills of a real run", iter(range(KILLS // PARTS)), attempt)
    last = start(real_config, tmp_path / f"run-{runs}")
    output, _ = last.communicate()
    assert last.returncode == 0, output.decode()
    assert records(tmp_path / f"run-{runs}") == expected
