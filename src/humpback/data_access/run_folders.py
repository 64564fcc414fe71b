"""Folders that humpback itself writes runs to: they are never read as data."""

from __future__ import annotations

from pathlib import Path

_STAGES = "stages"
_RUN_FILES = ("run.lock", "config.yaml")


def is_run_folder(path: Path) -> bool:
    """Whether a folder is a run folder, or the work folder that a command keeps beside its output.

    A run folder has `stages/` and one of `run.lock` and `config.yaml`; a work folder is called `.NAME.work` and has
    `stages/`, even where it is no run of this machine and has no lock.
    """
    try:
        if not (path / _STAGES).is_dir():
            return False
    except PermissionError:  # whoever lists the folder says so
        return False
    return _is_work_name(path.name) or any((path / name).is_file() for name in _RUN_FILES)


def run_folders_among(files: list[str]) -> set[str]:
    """The run folders that a listing of files shows, for file systems on which asking for each folder is slow.

    Args:
        files: Paths with '/' between their parts.
    """
    marked = {path.rpartition("/")[0] for path in files if path.rpartition("/")[2] in _RUN_FILES}
    staged = {path.split(f"/{_STAGES}/")[0] for path in files if f"/{_STAGES}/" in path}
    return {path for path in staged if path in marked or _is_work_name(path.rpartition("/")[2])}


def _is_work_name(name: str) -> bool:
    return name.startswith(".") and name.endswith(".work")
