"""A run folder: its settings, its log, its lock and its stages."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import IO, Any

import psutil
from packaging.version import InvalidVersion, Version

from humpback.config.paths import cache_folder
from humpback.data_access.digests import digest_of
from humpback.errors import StoreError, in_one_line
from humpback.records import content_id
from humpback.runs.store.files import (
    append_line,
    disk,
    is_remote,
    read_json,
    read_record,
    write_json,
    write_record,
    write_text,
)
from humpback.runs.store.folder import StageFolder

_SECOND_TRY_SECONDS = 0.05
_VERSION = metadata.version("humpback-align")
_DIGEST_LINE = "# sha256 of the lines above: "


@dataclass(frozen=True, slots=True)
class Holder:
    """The process that is at work in a run folder."""

    process: int
    machine: str


class Run:
    """A run folder.

    Args:
        path: The folder; made where it is not there.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stages: dict[str, StageFolder] = {}

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
    def decisions_path(self) -> Path:
        """What people decided of its candidates: a file for each of them."""
        return self.path / "decisions"

    @property
    def view_path(self) -> Path:
        """What `humpback view` makes to find records fast; it can be deleted."""
        return self.path / "view"

    @property
    def report_path(self) -> Path:
        """The report."""
        return self.path / "report.html"

    def on_this_machine(self, name: str) -> Path:
        """A folder for what no other machine reads: in the run, or in the cache where that is on an object store."""
        if not is_remote(self.path):
            return self.path / name
        return cache_folder() / "runs" / content_id(str(self.path)) / name

    def scratch_path(self, stage: str, fingerprint: str) -> Path:
        """A folder on this machine for unfinished work of a stage by a recipe, the same after a kill."""
        if not is_remote(self.path):
            return self.stage(stage).work_path
        return cache_folder() / "runs" / content_id(str(self.path), fingerprint)

    def answers_path(self, stage: str) -> Path:
        """Where the answers of servers for a stage are kept, also when the stage is thrown away."""
        return self.on_this_machine("answers") / stage

    def stage(self, name: str) -> StageFolder:
        """The folder of one stage, whether or not it is there."""
        return self._stages.setdefault(name, StageFolder(self.path / "stages" / name))

    def stage_names(self) -> list[str]:
        """The stages that have a folder here."""
        folder = self.path / "stages"
        return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []

    def save_config(self, text: str) -> None:
        """Keeps the resolved configuration, and in its last line the digest of all above."""
        write_text(self.config_path, f"{text}{_DIGEST_LINE}{digest_of(text.encode())}\n")

    def saved_config(self) -> str:
        """The resolved configuration.

        Raises:
            StoreError: It is not there, or was changed.
        """
        try:
            with disk(self.config_path):
                content = self.config_path.read_text(encoding="utf-8")
        except (FileNotFoundError, NotADirectoryError):
            raise StoreError(f"no run in {self.path}", "give the folder that 'humpback run' wrote") from None
        except UnicodeDecodeError:
            content = _DIGEST_LINE
        text, line, digest = content.rpartition(_DIGEST_LINE)
        if line and digest.strip() != digest_of(text.encode()):
            raise StoreError(f"{self.config_path} was changed since it was written",
                             "change your own settings file, and write this one again with 'humpback run'")  # fmt: skip
        return text or content

    def save_plan(self, content: Mapping[str, Any]) -> None:
        """Keeps what stages the run has."""
        write_record(self.plan_path, {"humpback": _VERSION, **content})

    def saved_plan(self) -> dict[str, Any] | None:
        """What stages the run has; None where nobody has said so.

        Raises:
            StoreError: The record is damaged.
        """
        try:
            return read_record(self.plan_path)
        except ValueError:
            raise StoreError(f"{self.plan_path} is damaged", "write it again with 'humpback run'") from None

    def save_stage_names(self, names: Iterable[str]) -> None:
        """Keeps what stages an experiment or a single command has; a run has its plan."""
        write_record(self.path / "stages.json", {"humpback": _VERSION, "stages": list(names)})

    def saved_stage_names(self) -> list[str]:
        """What stages an experiment or a single command has; none where nobody has said so."""
        return list(self._saved_stages().get("stages", []))

    def refuse_newer(self) -> None:
        """Refuses to write into a folder of a newer version, which may mean something else by what it keeps there.

        Raises:
            StoreError: It is one.
        """
        plan: dict[str, Any] = {}
        with suppress(StoreError):  # a run writes it anew
            plan = self.saved_plan() or {}
        for saved in (plan, self._saved_stages()):
            with suppress(InvalidVersion):
                if Version(version := str(saved.get("humpback", "0"))) > Version(_VERSION):
                    raise StoreError(f"{self.path} was written by humpback {version}, and this is {_VERSION}",
                                     "upgrade humpback, or choose another run folder")  # fmt: skip

    def recorded_setting(self, setting: str) -> str:
        """What the recipe of a stage here says of a setting; empty where none does."""
        for name in self.stage_names():
            with suppress(StoreError):  # a stage that is damaged says nothing: it is done again
                if value := ((self.stage(name).recipe() or {}).get("settings") or {}).get(setting):
                    return str(value)
        return ""

    def log(self, event: str, **values: Any) -> None:
        """Adds one line to `log.jsonl`."""
        line = json.dumps({"time": time.strftime("%Y-%m-%dT%H:%M:%S%z"), "event": event, **values}, default=str)
        with disk(self.path / "log.jsonl"):
            append_line(self.path / "log.jsonl", line)

    @contextmanager
    def recorded(self, stage: str, **values: Any) -> Iterator[None]:
        """Says in the log that a stage begins, and why it ended where an error or Ctrl-C ends it."""
        self.log("begin", stage=stage, **values)
        try:
            yield
        except KeyboardInterrupt:
            self.log("stopped", stage=stage)
            raise
        except Exception as error:
            self.log("failed", stage=stage, error=in_one_line(error))
            raise

    def save_progress(self, facts: Mapping[str, Any]) -> None:
        """Keeps how far the stage at work is."""
        write_json(self.path / "progress.json", facts)

    def saved_progress(self) -> dict[str, Any] | None:
        """How far the stage at work is; None where that is not known."""
        return read_json(self.path / "progress.json")

    def clear_progress(self) -> None:
        """Forgets how far the last stage was."""
        with disk(self.path / "progress.json"):
            (self.path / "progress.json").unlink(missing_ok=True)

    def logged(self, *events: str) -> Iterator[dict[str, Any]]:
        """The lines of `log.jsonl` about some kinds of event, in order, without those that a kill or a disk damaged."""
        path = self.path / "log.jsonl"
        with disk(path):
            content = path.read_bytes() if path.exists() else b""
        for line in content.splitlines():
            with suppress(ValueError):
                values = json.loads(line)
                if isinstance(values, dict) and values.get("event") in events and isinstance(values.get("stage"), str):
                    yield values

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Makes the folder where it is not there, and holds it against a second run; a killed process lets go of it.

        A folder on an object store cannot be held: there it is up to the user that only one run writes it at a time.

        Raises:
            StoreError: Another run holds it, it holds something else than a run, or it cannot be written.
        """
        self._refuse_others()
        note = json.dumps({"process": os.getpid(), "machine": socket.gethostname()})
        if is_remote(self.path):
            (self.path / "stages").mkdir(parents=True, exist_ok=True)
            write_text(self._lock_path, note)
            try:
                yield
            finally:
                self._lock_path.unlink(missing_ok=True)
            return
        try:
            (self.path / "stages").mkdir(parents=True, exist_ok=True)
            file = self._lock_path.open("a+", encoding="utf-8")
        except OSError as error:
            raise StoreError(f"cannot write to {self.path} ({error.strerror})", "choose another run folder") from None
        with file:
            try:
                _lock(file)
            except BlockingIOError:
                holder = self._named_holder()
                raise StoreError(
                    f"{self.path} is in use by process {holder.process} on {holder.machine}",
                    "wait for it, or choose another run folder",
                ) from None
            file.truncate(0)
            file.write(note)
            file.flush()
            yield

    def holder(self) -> Holder | None:
        """The process that is at work here now; None where none is, or the one that was has died.

        On an object store a process that was killed on another machine still seems to be at work.
        """
        if not self._lock_path.exists():
            return None
        holder = self._named_holder()
        if is_remote(self.path):
            return None if holder.machine == socket.gethostname() and not psutil.pid_exists(holder.process) else holder
        with self._lock_path.open(encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return holder
        return None

    def _saved_stages(self) -> dict[str, Any]:
        with suppress(ValueError):
            return read_record(self.path / "stages.json") or {}
        return {}

    @property
    def _lock_path(self) -> Path:
        return self.path / "run.lock"

    def _named_holder(self) -> Holder:
        with suppress(OSError, ValueError, TypeError):
            return Holder(**json.loads(self._lock_path.read_text(encoding="utf-8")))
        return Holder(0, "an unknown machine")

    def _refuse_others(self) -> None:
        """A folder that is there and is no run is somebody's: nothing is written into it."""
        if any((self.path / name).exists() for name in ("stages", "run.lock")):
            return
        if self.path.is_dir() and any(self.path.iterdir()):
            raise StoreError(f"{self.path} is not empty and holds no run", "choose another folder with --out")
        if self.path.is_file():
            raise StoreError(f"{self.path} is a file", "choose a folder with --out")


def _lock(file: IO[str]) -> None:
    """Takes the lock; tries twice, for `holder` takes it for a moment too.

    Raises:
        BlockingIOError: Another process holds it.
    """
    with suppress(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return
    time.sleep(_SECOND_TRY_SECONDS)
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
