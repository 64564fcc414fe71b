"""The whole loop on real data: counts and held-out losses of base, M_0, M_1, M_2, for each scorer and each seed.

Takes pairs and documents of yours, runs `humpback` once for each scorer and seed (what is shared between scorers is
computed once) and prints one table. Goes on where it was stopped: a run that is longer than a machine's time limit is
the same command again.

    python benchmarks/loop.py --pairs dolly15k.jsonl.gz --documents guide.jsonl.gz notes.jsonl.gz --out runs/loop
    python benchmarks/loop.py ... --seed-pairs 3200 --segments 5000 --full --epochs 0      # in earnest, on a GPU
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from humpback import models
from humpback.config import Config
from humpback.curate.separation import separation
from humpback.deliver.exporting import write_export
from humpback.deliver.report.losses import loss_summaries
from humpback.deliver.reporting import write_report
from humpback.method.plan import plan
from humpback.method.settings_file import resolved
from humpback.records import HeldOutLoss
from humpback.runs.executor import execute
from humpback.runs.store import Run

SHARED = ("seed", "segments", "sample", "backward", "candidates", "forward-0")


def config_of(arguments: argparse.Namespace, scorer: str, seed: int) -> Config:
    """The settings of one run."""
    training: dict[str, Any] = {"dropout": 0.0, "batch_size": 8, "checkpoint_steps": 20, "micro_batch_size": 4}
    if arguments.full:
        training |= {"method": "full", "batch_size": "paper", "micro_batch_size": 8, "checkpoint_steps": 200}
        rates = {"backward": (2e-5, 2e-6), "forward": (2e-5, 2e-6)}
    else:
        training |= {"method": "lora"}
        rates = {"backward": (7e-4, 7e-5), "forward": (4e-4, 4e-5)}
    if arguments.epochs:
        training |= {"epochs": arguments.epochs}
    rooms = {
        name: training | {"learning_rate": first, "final_learning_rate": last} for name, (first, last) in rates.items()
    }
    return Config.model_validate(
        {
            "run": {"seed": seed, "shard_rows": arguments.shard_rows, "iterations": arguments.iterations},
            "model": {"name": arguments.model, "max_tokens": 768, "batch_tokens": arguments.batch_tokens},
            "seed": {"source": arguments.pairs, "limit": arguments.seed_pairs, "without_context": True},
            "corpus": {
                "documents": arguments.documents,
                "limit": arguments.segments,
                "segment": {"max_chars": arguments.max_chars},
            },
            **rooms,
            "augment": {"max_new_tokens": 80},
            "curate": {
                "scorer": scorer,
                "select": {"top_share": 0.3},
                "max_new_tokens": arguments.rating_tokens,
                "max_unrated_share": 1.0,
            },
        }
    )


def carry_out(arguments: argparse.Namespace, scorer: str, seed: int) -> dict[str, Any]:
    """One run, or what is left of it; what the first scorer has made of the shared stages is taken over."""
    run = Run(Path(arguments.out) / f"{scorer}-{seed}")
    first = Run(Path(arguments.out) / f"{arguments.scorers[0]}-{seed}")
    for name in SHARED:
        made, wanted = first.stage(name), run.stage(name)
        if made.manifest() and not wanted.path.exists():
            shutil.copytree(made.path, wanted.path)
    config = config_of(arguments, scorer, seed)
    with run.locked():
        run.save_config(resolved(config))
        execute(plan(config, models.identify(config.model)), run, config)
        write_export(run)
        write_report(run)
    return result_of(run, scorer, seed, arguments.iterations)


def result_of(run: Run, scorer: str, seed: int, iterations: int) -> dict[str, Any]:
    """Counts, ratings and held-out losses of a finished run."""
    stages = {path.name: run.stage(path.name).manifest() for path in sorted((run.path / "stages").iterdir())}
    counts = {name: m["counts"] for name, m in stages.items() if m}
    ratings = {}
    for t in range(1, iterations + 1):
        folder = run.stage(f"ratings-{t}")
        states = list(folder.column("state"))
        scores = [score for score in folder.column("score") if score is not None]
        found = separation(scores, scorer)
        ratings[f"ratings-{t}"] = {
            **{state: states.count(state) for state in ("scored", "unparsed", "truncated")},
            "mean": round(found.mean, 3),
            "sd": round(found.standard_deviation, 3),
            "flat": found.flat,
        }
    losses = [
        {
            "model": row.model,
            "direction": row.direction,
            "nats_per_token": round(row.nats_per_token, 4),
            "pairs": row.pairs,
            "differences": {
                d.against: [round(d.difference, 4), round(d.low, 4), round(d.high, 4)] for d in row.differences
            },
        }
        for row in loss_summaries(run.stage("evaluation").records(HeldOutLoss))
    ]
    return {"scorer": scorer, "seed": seed, "counts": counts, "ratings": ratings, "losses": losses}


def table(results: list[dict[str, Any]]) -> str:
    """The losses of all runs, a row a model."""
    lines = [
        "| scorer | seed | model | direction | nats/token | against base | against M_0 |",
        "|---|---|---|---|---|---|---|",
    ]
    for result in results:
        for row in result["losses"]:
            against = [row["differences"].get(name) for name in ("base", "forward-0")]
            shown = ["" if d is None else f"{d[0]:+.3f} ({d[1]:+.3f} to {d[2]:+.3f})" for d in against]
            lines.append(
                f"| {result['scorer']} | {result['seed']} | {row['model']} | {row['direction']} "
                f"| {row['nats_per_token']:.3f} | {shown[0]} | {shown[1]} |"
            )
    return "\n".join(lines)


def main() -> None:
    """Carries out all runs and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", required=True, help="seed pairs")
    parser.add_argument("--documents", nargs="+", required=True)
    parser.add_argument("--out", required=True, help="folder for the runs")
    parser.add_argument("--json", type=Path, help="file to write")
    parser.add_argument("--model", default="package:gemma3-270m")
    parser.add_argument("--seed-pairs", type=int, default=400)
    parser.add_argument("--segments", type=int, default=300)
    parser.add_argument("--scorers", nargs="+", default=["expected-rating", "rating"])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--iterations", type=int, default=2)
    parser.add_argument("--epochs", type=float, default=0.8, help="0: the paper's table")
    parser.add_argument("--max-chars", type=int, default=1500)
    parser.add_argument("--rating-tokens", type=int, default=96)
    parser.add_argument("--shard-rows", type=int, default=30)
    parser.add_argument("--batch-tokens", type=int, default=8192)
    parser.add_argument("--full", action="store_true", help="train all weights")
    arguments = parser.parse_args()
    results = [carry_out(arguments, scorer, seed) for seed in arguments.seeds for scorer in arguments.scorers]
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else f"CPU, {os.cpu_count()} cores"
    versions = {name: metadata.version(name) for name in ("torch", "transformers", "trl", "peft")}
    machine = {"device": device, "python": platform.python_version(), **versions}
    shown = {key: value for key, value in vars(arguments).items() if key not in ("json", "out")}
    shown |= {"pairs": Path(arguments.pairs).name, "documents": [Path(name).name for name in arguments.documents]}
    whole = {"machine": machine, "settings": shown, "results": results}
    if arguments.json:
        arguments.json.write_text(json.dumps(whole, indent=2) + "\n", encoding="utf-8")
    print(table(results))


if __name__ == "__main__":
    main()
