"""What the speed benchmarks share: flags, clocks, real pairs, what the machine is, and figures that outlive a kill.

With `--json FILE` each figure is in the file as soon as it is there, and what the file holds already, measured in the
same way on the same kind of machine, is not measured again: a call that was stopped goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from humpback import seed
from humpback.config import Config, ModelSettings
from humpback.records import Pair

CLOCKS = ("per_s", "per_cpu_s")
Row = dict[str, Any]
"""What one contestant did in one round."""


def flags(doc: str | None, count: int, devices: Sequence[str] = ("auto", "cpu", "cuda")) -> argparse.ArgumentParser:
    """The flags of every speed benchmark; the first device is the default."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", default="package:demo", help="any seed that humpback reads")
    parser.add_argument("--model", default="package:smollm2-135m-instruct")
    parser.add_argument("--count", type=int, default=count, help="pairs that are taken")
    parser.add_argument("--new-tokens", type=int, default=48, help="longest answer")
    parser.add_argument("--max-chars", type=int, default=1500, help="longest response of a pair")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--device", choices=devices, default=devices[0])
    parser.add_argument("--dtype", choices=("auto", "float32", "bfloat16"), default="auto")
    parser.add_argument("--json", type=Path, help="file for the figures; what it holds already is not measured again")
    return parser


def model_of(arguments: argparse.Namespace) -> ModelSettings:
    """The model that the flags name."""
    return ModelSettings(name=arguments.model, device=arguments.device, dtype=arguments.dtype)


@dataclass(slots=True)
class Figures:
    """Rows by contestant and round, on the disk one by one."""

    file: Path | None
    facts: dict[str, Any]
    """What figures can only be compared under."""
    summary: Callable[[dict[str, list[Row]]], dict[str, Any]]
    """What follows from the rows, once all are there and before."""
    rows: dict[str, list[Row]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.file is None or not self.file.exists():
            return
        before = json.loads(self.file.read_text(encoding="utf-8"))
        if all(before.get(name) == value for name, value in self.facts.items()):
            kept = {name: [row for row in rows if "failed" not in row] for name, rows in before["results"].items()}
            self.rows = {name: rows for name, rows in kept.items() if rows}
        else:
            print(f"{self.file} was measured in another way: all is measured anew", file=sys.stderr)

    def missing(self, name: str, turn: int = 0) -> bool:
        """Whether a contestant has not had its turn yet."""
        return len(self.rows.get(name, ())) <= turn

    def measure(self, name: str, turn: int, work: Callable[[], Row]) -> None:
        """One contestant in one round, with how busy the machine was before and after."""
        if not self.missing(name, turn):
            return
        before = os.getloadavg()[0]
        row = work() | {"load_before_and_after": [round(before, 1), round(os.getloadavg()[0], 1)]}
        self.rows.setdefault(name, []).append(row)
        print(name, row, flush=True)
        if self.file:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            part = self.file.with_suffix(".part")
            part.write_text(json.dumps(self.whole(), indent=2) + "\n", encoding="utf-8")
            part.replace(self.file)

    def whole(self) -> dict[str, Any]:
        """All that is known so far."""
        return self.facts | {"results": self.rows} | self.summary(self.rows)


def facts_of(arguments: argparse.Namespace, apart: Sequence[str] = ()) -> dict[str, Any]:
    """The machine and the flags, without where things lie, how often, and which contestants: those may come later."""
    apart = ("json", "rounds", *apart)
    settings = {name: value for name, value in vars(arguments).items() if name not in apart}
    return {"machine": machine(), "settings": settings | {"pairs": Path(arguments.pairs).name}}


def times(ours: Sequence[Row], other: Sequence[Row], what: str) -> dict[str, dict[str, float]]:
    """One contestant's rate as a multiple of another's: best round against best, and the median of the rounds."""
    found = {}
    for clock in CLOCKS:
        ones, twos = [row[f"{what}_{clock}"] for row in ours], [row[f"{what}_{clock}"] for row in other]
        if ones and twos:
            each = [one / two for one, two in zip(ones, twos, strict=False)]
            best = max(ones) / max(twos)
            found[clock] = {"best": rounded(best), "median": rounded(statistics.median(each))}
    return found


@dataclass(slots=True)
class Clock:
    """Seconds of the wall clock, and of all cores together: on a busy machine the second figure is the fair one."""

    wall: float = 0.0
    cpu: float = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        """Adds the time of a block, what a GPU still has to do included."""
        wall, cpu = time.perf_counter(), _cpu()
        yield
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        self.wall += time.perf_counter() - wall
        self.cpu += _cpu() - cpu

    def rates(self, **counts: float) -> dict[str, float]:
        """How many in a second of each clock."""
        found = {"wall_s": round(self.wall, 2), "cpu_s": round(self.cpu, 2)}
        for name, count in counts.items():
            found |= {name: count, f"{name}_per_s": rounded(count / self.wall)}
            found |= {f"{name}_per_cpu_s": rounded(count / self.cpu)}
        return found


def _cpu() -> float:
    children = os.times()
    return time.process_time() + children.children_user + children.children_system


def rounded(value: float) -> float:
    """Three or four digits."""
    return float(f"{value:.4g}")


def matmul_rate(
    rows: int, inner: int, columns: int, dtype: torch.dtype, device: str, seconds: float = 0.4
) -> dict[str, float]:
    """Floating point operations in a second of a linear layer of this shape."""
    inputs = torch.randn(rows, inner, dtype=dtype, device=device)
    weight = torch.randn(columns, inner, dtype=dtype, device=device)
    for _ in range(3):
        torch.nn.functional.linear(inputs, weight)
    clock, done = Clock(), 0
    while clock.wall < seconds:
        with clock.running():
            for _ in range(4 if device == "cpu" else 50):
                torch.nn.functional.linear(inputs, weight)
        done += 4 if device == "cpu" else 50
    work = 2 * rows * inner * columns * done / 1e9
    return {"gflops": rounded(work / clock.wall), "gflops_per_cpu_s": rounded(work / clock.cpu)}


def read_pairs(source: str, count: int, max_chars: int) -> list[Pair]:
    """Pairs without context whose response has 100 characters or more, in an order that the source does not know."""
    config = Config.model_validate({"seed": {"source": source, "without_context": True}})
    fit = [pair for pair in seed.read_seed(config.seed, 0).kept if 100 <= len(pair.response) <= max_chars]
    return sorted(fit, key=lambda pair: pair.id)[:count]


def machine() -> dict[str, Any]:
    """What was measured on."""
    cpu = "unknown"
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        cpu = next((line.partition(": ")[2] for line in lines if line.startswith("model name")), cpu)
    features = [
        name for name in ("avx2", "avx512_f", "avx512_bf16", "amx_bf16") if torch.cpu.get_capabilities().get(name)
    ]
    return {
        "cpu": f"{cpu}, {os.cpu_count()} cores, {platform.machine()}, {' '.join(features)}",
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else "none",
        "python": platform.python_version(),
        **{name: metadata.version(name) for name in ("torch", "transformers")},
        "threads": torch.get_num_threads(),
    }


def transformers_4(path: Path, folder: Path) -> Path:
    """The model's folder for peers that have an older transformers, which does not know the tokenizer by its class."""
    folder.mkdir()
    for file in path.iterdir():
        (folder / file.name).symlink_to(file.resolve())
    settings = folder / "tokenizer_config.json"
    about = json.loads(settings.read_text(encoding="utf-8"))
    settings.unlink()
    settings.write_text(json.dumps(about | {"tokenizer_class": "PreTrainedTokenizerFast"}), encoding="utf-8")
    return folder
