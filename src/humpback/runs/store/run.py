"""A run folder: its settings, its log, its lock and its stages."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from humpback.errors import StoreError
from humpback.runs.store.files import append_line, is_remote, write_text
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

    def save_config(self, text: str) -> None:
        """Keeps the resolved configuration."""
        write_text(self.config_path, text)

    def log(self, event: str, **values: Any) -> None:
        """Adds one line to `log.jsonl`."""
        line = json.dumps({"time": time.strftime("%Y-%m-%dT%H:%M:%S%z"), "event": event, **values}, default=str)
        append_line(self.path / "log.jsonl", line)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Holds the folder against a second run; a killed process lets go of it by itself.

        A folder on an object store cannot be held: there it is up to the user that only one run writes it at a time.

        Raises:
            StoreError: Another run holds it, or the folder cannot be written.
        """
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
