"""The warm process, the undisturbed run, and a table of tries at the end."""

from __future__ import annotations

import os
import shutil
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
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Undisturbed]:
    """The run without a fault."""
    if not Path("/proc/self/fd").exists():
        pytest.skip("the disk is watched by way of /proc")
    folder = tmp_path_factory.mktemp("torture")
    config = small_config(folder)
    with Warm(folder) as warm:
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
    """Prints tries and failures of each kind."""
    table: dict[str, list[int]] = {}
    for report in [*terminalreporter.stats.get("passed", ()), *terminalreporter.stats.get("failed", ())]:
        for kind, tries, wrong in (value for name, value in report.user_properties if name == "tries"):
            row = table.setdefault(kind, [0, 0])
            row[0], row[1] = row[0] + tries, row[1] + wrong
    if table:
        terminalreporter.section("torture")
    for kind, (tries, wrong) in sorted(table.items()):
        terminalreporter.write_line(f"{kind:<44}{tries:>8} tries{wrong:>6} wrong")
