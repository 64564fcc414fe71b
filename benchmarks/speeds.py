"""What the speed benchmarks share: clocks, real pairs, and what the machine is."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from humpback import seed
from humpback.config import Config
from humpback.records import Pair


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
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


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
    """What was measured on, and how busy it was."""
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
        "load": [round(value, 1) for value in os.getloadavg()],
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


def write_json(file: Path | None, found: dict[str, Any]) -> None:
    """Keeps the figures."""
    if file:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
