"""The warm process, the undisturbed run, and a table of tries at the end, which goes to the file RESULTS too."""

from __future__ import annotations

import json
import os
import platform
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from tests.torture.runs import records, small_config
from tests.torture.warm import Try, Warm

hypothesis.settings.register_profile("torture")

EVERY = int(os.environ.get("EVERY", "1"))
"""Sweeps over the operations of a run take each so many-th."""


@dataclass(frozen=True)
class Undisturbed:
    """A run to its end, and the process in which others are disturbed."""

    warm: Warm
    folder: Path
    config: Path
    records: dict[str, str]
    log: list[tuple[Any, ...]]

    def run(self, out: Path, fault: str = "", at: int = -1) -> Try:
        """The same run into another folder."""
        return self.warm.run("run", self.config, "--out", out, root=out, fault=fault, at=at)

    def empty(self) -> Path:
        """A place for a run."""
        shutil.rmtree(self.folder / "disturbed", ignore_errors=True)
        return self.folder / "disturbed"

    def difference(self, out: Path) -> str:
        """What of the records of a run is not as it should be."""
        found = records(out)
        names = {*found, *self.records}
        return ", ".join(sorted(name for name in names if found.get(name) != self.records.get(name)))

    def continues(self, out: Path) -> str:
        """Runs again without a fault; returns what is wrong then."""
        again = self.run(out)
        if again.code:
            return f"the run after it ended with {again.code}: {again.errors[-600:]}"
        return f"other records: {difference}" if (difference := self.difference(out)) else ""


@pytest.fixture(scope="session")
def undisturbed() -> Iterator[Undisturbed]:
    """The run without a fault, in memory where there is such a disk: what is flushed is in the log, not in the time."""
    if not Path("/proc/self/fd").exists():
        pytest.skip("the disk is watched by way of /proc")
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=memory) as name, Warm(Path(name)) as warm:
        folder = Path(name)
        config = small_config(folder)
        first = warm.run("run", config, "--out", folder / "run", root=folder / "run")
        assert first.code == 0, first.errors
        yield Undisturbed(warm, folder, config, records(folder / "run"), first.log)


@pytest.fixture
def sweep(record_property: Callable[[str, object], None]) -> Callable[..., None]:
    """Tries each of many cases, counts them, and fails with all that went wrong."""

    def tries(kind: str, cases: Iterator[Any], attempt: Callable[[Any], str]) -> None:
        count, wrong = 0, []
        for case in cases:
            count += 1
            if trouble := attempt(case):
                wrong.append(f"{kind} {case}: {trouble}")
        record_property("tries", (kind, count, len(wrong)))
        if not count:
            pytest.skip("EVERY is too large for this part")
        assert not wrong, f"{len(wrong)} of {count}:\n" + "\n".join(wrong[:40])

    return tries


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Prints tries, failures and minutes of each kind."""
    table: dict[str, dict[str, Any]] = {}
    for report in [*terminalreporter.stats.get("passed", ()), *terminalreporter.stats.get("failed", ())]:
        for kind, tries, wrong in (value for name, value in report.user_properties if name == "tries"):
            row = table.setdefault(kind, {"tries": 0, "wrong": 0, "minutes": 0.0})
            row["tries"] += tries
            row["wrong"] += max(wrong, report.failed)
            row["minutes"] = round(row["minutes"] + report.duration / 60, 2)
    if table:
        terminalreporter.section("torture")
    for kind, row in sorted(table.items()):
        terminalreporter.write_line(
            f"{kind:<44}{row['tries']:>8} tries{row['wrong']:>6} wrong{row['minutes']:>8.1f} min"
        )
    if table and (results := os.environ.get("RESULTS")):
        before = json.loads(Path(results).read_text()) if Path(results).exists() else {"kinds": {}}
        machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
        kinds = dict(sorted({**before["kinds"], **table}.items()))
        Path(results).write_text(json.dumps({"machine": machine, "kinds": kinds}, indent=2) + "\n")
