"""The packages hold all that they need: the source distribution builds the wheel, and the wheel works alone."""

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SHIPPED = (".ci", "benchmarks", "docs", "src/humpback", "tests")
ALONE = ("CHANGELOG.md", "LICENSE", "MANIFEST.in", "Makefile", "README.md", "constraints.txt", "zensical.toml")


def files_below(folder: Path) -> set[str]:
    paths = (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(ROOT).as_posix() for path in paths}


def succeeds(*arguments: object, fresh: Path | None = None) -> None:
    """Runs a module; where a fresh folder is given, in it and with the packages in it before all others."""
    environment = os.environ | {"HF_HUB_OFFLINE": "1"} | ({"PYTHONPATH": str(fresh)} if fresh else {})
    command = [sys.executable, "-m", *map(str, arguments)]
    done = subprocess.run(command, cwd=fresh, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_the_packages_are_whole_and_the_wheel_runs_in_a_fresh_place(tmp_path):
    for folder in SHIPPED:
        shutil.copytree(ROOT / folder, tmp_path / "copy" / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for name in (*ALONE, "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path / "copy")
    succeeds("build", "--outdir", tmp_path, tmp_path / "copy")
    (source,), (wheel,) = tmp_path.glob("*.tar.gz"), tmp_path.glob("*.whl")
    with tarfile.open(source) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {*ALONE}.union(*(files_below(ROOT / folder) for folder in SHIPPED)) - names == set()

    fresh = tmp_path / "fresh"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(fresh)
    packed = {f"src/{path.relative_to(fresh).as_posix()}" for path in (fresh / "humpback").rglob("*") if path.is_file()}
    assert packed == files_below(ROOT / "src" / "humpback")
    succeeds("humpback", "--help", fresh=fresh)
    succeeds("humpback", "plan", "package:demo", "--set", "model.engine=fake", fresh=fresh)
