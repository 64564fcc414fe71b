"""A run folder: its settings, its log, its lock and its stages."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from humpback.errors import StoreError
from humpback.runs.store.files import append_line, is_remote, read_json, write_json, write_text
from humpback.runs.store.folder import StageFolder


class Run:
    """A run folder.

    Args:
        path: The folder; made where it is not there.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def existing(cls, path: Path) -> Run:
        """A run folder that is there.

        Raises:
            StoreError: It is not there.
        """
        if not (path / "config.yaml").is_file():
            raise StoreError(f"no run in {path}", "give the folder that 'humpback run' wrote")
        return cls(path)

    @property
    def config_path(self) -> Path:
        """The resolved configuration."""
        return self.path / "config.yaml"

    @property
    def plan_path(self) -> Path:
        """What stages the run has."""
        return self.path / "plan.json"

    @property
    def export_path(self) -> Path:
        """Where data set and model are delivered."""
        return self.path / "export"

    @property
    def report_path(self) -> Path:
        """The report."""
        return self.path / "report.html"

    def stage(self, name: str) -> StageFolder:
        """The folder of one stage, whether or not it is there."""
        return StageFolder(self.path / "stages" / name)

    def stage_names(self) -> list[str]:
        """The stages that have a folder here."""
        folder = self.path / "stages"
        return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []

    def save_config(self, text: str) -> None:
        """Keeps the resolved configuration."""
        write_text(self.config_path, text)

    def save_plan(self, content: Mapping[str, Any]) -> None:
        """Keeps what stages the run has."""
        write_json(self.plan_path, content)

    def saved_plan(self) -> dict[str, Any] | None:
        """What stages the run has; None where nobody has said so.

        Raises:
            StoreError: The record is damaged.
        """
        try:
            return read_json(self.plan_path)
        except ValueError:
            raise StoreError(f"{self.plan_path} is damaged", "write it again with 'humpback run'") from None

    def log(self, event: str, **values: Any) -> None:
        """Adds one line to `log.jsonl`."""
        line = json.dumps({"time": time.strftime("%Y-%m-%dT%H:%M:%S%z"), "event": event, **values}, default=str)
        append_line(self.path / "log.jsonl", line)

    def logged(self, event: str) -> Iterator[dict[str, Any]]:
        """The lines of `log.jsonl` about one kind of event, in order, without one that a kill cut short."""
        path = self.path / "log.jsonl"
        for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
            try:
                values = json.loads(line)
            except ValueError:
                continue
            if values.get("event") == event:
                yield values

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Makes the folder where it is not there, and holds it against a second run; a killed process lets go of it.

        A folder on an object store cannot be held: there it is up to the user that only one run writes it at a time.

        Raises:
            StoreError: Another run holds it, it holds something else than a run, or it cannot be written.
        """
        self._refuse_others()
        if is_remote(self.path):
            (self.path / "stages").mkdir(parents=True, exist_ok=True)
            yield
            return
        try:
            (self.path / "stages").mkdir(parents=True, exist_ok=True)
            file = (self.path / "run.lock").open("a+", encoding="utf-8")
        except OSError as error:
            raise StoreError(f"cannot write to {self.path} ({error.strerror})", "choose another run folder") from None
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.seek(0)
                holder = file.read().strip() or "unknown"
                raise StoreError(
                    f"{self.path} is in use by process {holder}", "wait for it, or choose another run folder"
                ) from None
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
            yield

    def _refuse_others(self) -> None:
        """A folder that is there and is no run is somebody's: nothing is written into it."""
        if any((self.path / name).exists() for name in ("stages", "run.lock")):
            return
        if self.path.is_dir() and any(self.path.iterdir()):
            raise StoreError(f"{self.path} is not empty and holds no run", "choose another folder with --out")
        if self.path.is_file():
            raise StoreError(f"{self.path} is a file", "choose a folder with --out")
