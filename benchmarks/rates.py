"""Held-out loss against learning rate, with time, tokens a second and memory: the recipe for a small model.

Trains the base backwards and forwards at each rate, with the paper's steps and batch, and measures the loss on pairs
that none of the trainings saw, five times along the way. What is done already is read from the JSON: where a time limit
stopped it, the same command goes on.

    python benchmarks/rates.py --pairs dolly15k.jsonl.gz --json runs/rates.json            # on a GPU, under ten minutes
    python benchmarks/rates.py --pairs dolly15k.jsonl.gz --seed-pairs 64 --steps 4 --rates 1e-4   # to see that it runs
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import tempfile
import time
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from humpback import models, seed
from humpback.config import Config, ModelSettings, TagSettings, TrainSettings
from humpback.records import Direction, Pair
from humpback.training.train import finetune

CHECKS = 5
NEVER = 1_000_000


def settings_of(arguments: argparse.Namespace, rate: float, steps: int | None) -> TrainSettings:
    """One training; it is looked at on held-out pairs and never ended early."""
    return TrainSettings(
        method=arguments.method,
        learning_rate=rate,
        final_learning_rate=rate / 10,
        warmup_steps=arguments.warmup if steps is None or steps > arguments.warmup else 0,
        steps=steps or "paper",
        pack_tokens=arguments.pack_tokens,
        checkpoint_steps=NEVER,
        early_stop_checks=NEVER,
        early_stop_steps=max(1, (steps or 500) // CHECKS),
    )


def train(
    arguments: argparse.Namespace, direction: Direction, rate: float, train_on: list[Pair], heldout: list[Pair]
) -> dict[str, Any]:
    """One training and its figures; the model itself is thrown away."""
    model = ModelSettings(name=arguments.model, device=arguments.device, max_tokens=1024)
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    with tempfile.TemporaryDirectory() as folder:
        summary = finetune(
            train_on,
            base=models.resolve(model).path,
            direction=direction,
            model=model,
            settings=settings_of(arguments, rate, arguments.steps),
            tags=TagSettings(),
            seed=0,
            model_folder=Path(folder) / "model",
            work=Path(folder) / "work",
            heldout=heldout,
        )
    on_gpu = torch.cuda.is_available() and arguments.device != "cpu"
    peak = torch.cuda.max_memory_allocated() if on_gpu else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {
        "direction": direction,
        "rate": rate,
        "steps": summary.steps,
        "batch": summary.batch_size,
        "examples": summary.examples,
        "seconds": round(summary.seconds, 1),
        "tokens_per_second": round(summary.tokens / summary.seconds),
        "target_tokens_per_second": round(summary.target_tokens / summary.seconds),
        "peak_gib": round(peak / 2**30, 2),
        "train_loss": round(summary.final_loss, 4),
        "heldout": [[step, round(loss, 4)] for step, loss in summary.heldout],
        "packed": summary.packed,
    }


def show(rows: list[dict[str, Any]]) -> None:
    """The table: the lowest held-out loss of each direction is the rate to take."""
    print(f"{'':10}{'rate':>9}{'steps':>7}{'seconds':>9}{'tok/s':>8}{'GiB':>7}{'train':>8}{'best held-out':>15}")
    for row in sorted(rows, key=lambda row: (row["direction"], row["rate"])):
        step, loss = min(row["heldout"], key=lambda check: check[1])
        print(
            f"{row['direction']:10}{row['rate']:>9.0e}{row['steps']:>7}{row['seconds']:>9}{row['tokens_per_second']:>8}"
            f"{row['peak_gib']:>7}{row['train_loss']:>8.3f}{f'{loss:.4f} at {step}':>15}"
        )


def arguments_of() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", default="package:demo", help="any seed that humpback reads")
    parser.add_argument("--model", default="package:gemma3-270m")
    parser.add_argument("--seed-pairs", type=int, default=3200)
    parser.add_argument("--heldout", type=int, default=320)
    parser.add_argument("--method", choices=("full", "lora", "qlora"), default="full")
    parser.add_argument("--rates", type=float, nargs="+", default=[5e-6, 1e-5, 2e-5, 5e-5, 1e-4])
    parser.add_argument("--steps", type=int, help="in place of the paper's")
    parser.add_argument("--warmup", type=int, default=20)
    parser.add_argument("--pack-tokens", type=int, default=16_384)
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--seconds-left", type=float, default=float("inf"), help="begin no training that would not end")
    parser.add_argument("--json", type=Path, default=Path("rates.json"))
    return parser.parse_args()


def main() -> None:
    arguments, began = arguments_of(), time.monotonic()
    wanted = arguments.seed_pairs + arguments.heldout
    config = Config.model_validate({"seed": {"source": arguments.pairs, "limit": wanted, "without_context": True}})
    read = list(seed.read_seed(config.seed, 0).kept)
    part = min(arguments.heldout, len(read) // 5)
    heldout, train_on = read[:part], read[part:]
    found = json.loads(arguments.json.read_text()) if arguments.json.exists() else {"results": []}
    rows: list[dict[str, Any]] = found["results"]
    directions: tuple[Direction, ...] = ("backward", "forward")
    for direction, rate in [(direction, rate) for direction in directions for rate in arguments.rates]:
        if any((row["direction"], row["rate"]) == (direction, rate) for row in rows):
            continue
        longest = max((row["seconds"] for row in rows), default=0.0)
        if time.monotonic() - began + 1.2 * longest > arguments.seconds_left:
            print("no time for the next training: the same command goes on from here")
            break
        rows.append(train(arguments, direction, rate, train_on, heldout))
        gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
        facts = {
            "machine": f"{platform.machine()}, {gpu}, Python {platform.python_version()}, torch {torch.__version__}",
            "libraries": {name: metadata.version(name) for name in ("transformers", "trl", "peft")},
            "model": arguments.model if arguments.model.startswith("package:") else Path(arguments.model).name,
            "pairs": [Path(arguments.pairs).name, len(train_on), len(heldout)],
        }
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(facts | {"results": rows}, indent=2) + "\n")
        print(rows[-1], flush=True)
    show(rows)


if __name__ == "__main__":
    main()
