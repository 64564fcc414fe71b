"""Suites by `humpback evaluate suites` against the same tasks run the harness's own way, row by row.

Ours: the command, on the files as they are. The harness's: its command line, its model class, and its own task files,
of which only the source of the data is changed to a local JSON file with the rows that ours drew. Rows in the layout
'instruction, answer' are taken apart here by other code than in the package, so that reading them is checked as well.

    pip install -e '.[suites]'
    python benchmarks/suites.py --arc-easy arc-easy_test.jsonl.gz --piqa piqa_valid_original.jsonl.gz --limit 100
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import time
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from statistics import fmean
from typing import Any

import yaml

from humpback import models
from humpback.config import ModelSettings
from humpback.data_access.rows import file_rows

MODELS = ("package:gemma3-270m", "package:smollm2-135m-instruct")
WITHIN = 1e-4
"""How far a log-likelihood in float32 may be off, relative to itself. Sums over 262,144 logits differ in the fifth
digit: against double precision, on eight rows of ARC-e by Gemma 3 270M, ours were off by 2e-5 nats at most and the
harness's by 3e-4."""
FILES = {"arc_easy": "arc/arc_easy.yaml", "piqa": "piqa/piqa.yaml"}


def timed(words: list[str]) -> dict[str, float]:
    """Runs a command without a network library's help; seconds by the clock, and of processor time."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    offline = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"}
    subprocess.run(words, check=True, env=os.environ | offline)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"seconds": round(time.perf_counter() - start, 1), "cpu_seconds": round(used, 1)}


def ours(model: str, paths: dict[str, Path], limit: int, work: Path) -> dict[str, Any]:
    out = work / "ours.json"
    taken = work / "ours-seconds.json"
    if not taken.exists():
        out.unlink(missing_ok=True)
        suites = [f"{name}={path}" for name, path in paths.items()]
        how = ["--model", model, "--limit", str(limit), "--out", str(out)]
        taken.write_text(json.dumps(timed([sys.executable, "-m", "humpback", "evaluate", "suites", *suites, *how])))
    return {**json.loads(out.read_text()), "took": json.loads(taken.read_text())}


def arc_document(row: dict[str, Any]) -> dict[str, Any]:
    """'... question: Q, blank line, Answer1: a Answer2: b ..., blank line, Answer format: ...' to ARC's own layout."""
    body = row["instruction"].split("question: ", 1)[1].rsplit("\n\nAnswer format:", 1)[0]
    asked, rest = body.split("\n\nAnswer1: ", 1)
    texts, number = [], 2
    while f" Answer{number}: " in rest:
        text, rest = rest.split(f" Answer{number}: ", 1)
        texts.append(text)
        number += 1
    labels = [str(place) for place in range(1, number)]
    key = row["answer"].removeprefix("answer")
    return {"question": asked, "choices": {"text": [*texts, rest], "label": labels}, "answerKey": key}


def task_file(places: list[int], name: str, path: Path, folder: Path) -> str:
    """The harness's own task on some rows of a file; its name."""
    spec = find_spec("lm_eval")
    assert spec
    assert spec.submodule_search_locations
    folder.mkdir(exist_ok=True)
    rows = [row for _, row in file_rows(path)]
    drawn = [rows[place] for place in places]
    if "instruction" in drawn[0]:
        drawn = [arc_document(row) for row in drawn]
    data = folder / f"{name}.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in drawn), encoding="utf-8")
    local = {
        "include": str(Path(spec.submodule_search_locations[0]) / "tasks" / FILES[name]),
        "task": f"{name}_local", "tag": None, "dataset_path": "json", "dataset_name": None,
        "dataset_kwargs": {"data_files": {"test": str(data)}},
        "test_split": "test", "validation_split": None, "training_split": None,
    }  # fmt: skip
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(local), encoding="utf-8")
    return f"{name}_local"


def numbers(suite: dict[str, Any]) -> list[int]:
    return [row["number"] for row in suite["rows"]]


def harness(model: str, places: list[int], name: str, path: Path, work: Path) -> dict[str, Any]:
    """One suite by the harness's command line: its figures, its samples, and what it took."""
    folder = work / f"harness-{name}"
    taken = folder / "seconds.json"
    if not taken.exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        task = task_file(places, name, path, folder / "tasks")
        weights = models.resolve(ModelSettings(name=model)).path
        took = timed([
            sys.executable, "-m", "lm_eval", "run", "--model", "hf",
            "--model_args", f"pretrained={weights},dtype=float32", "--device", "cpu", "--batch_size", "8",
            "--tasks", task, "--include_path", str(folder / "tasks"),
            "--output_path", str(folder / "out"), "--log_samples",
        ])  # fmt: skip
        taken.write_text(json.dumps(took))
    (results,) = (folder / "out").rglob("results_*.json")
    (file,) = (folder / "out").rglob("samples_*.jsonl")
    return {
        "figures": json.loads(results.read_text())["results"][f"{name}_local"],
        "samples": sorted((row for _, row in file_rows(file)), key=lambda row: int(str(row["doc_id"]))),
        "took": json.loads(taken.read_text()),
    }


def compare(mine: dict[str, Any], theirs: dict[str, Any]) -> dict[str, Any]:
    """Figures of both on the rows that both read, and the largest distance of two log-likelihoods of one choice."""
    samples, rows = theirs["samples"], mine["rows"][: len(theirs["samples"])]
    worst, relative, unequal = 0.0, 0.0, 0
    for row, sample in zip(rows, samples, strict=True):
        other = [float(choice[0]) for choice in sample["filtered_resps"]]
        for a, b in zip(row["likelihoods"], other, strict=True):
            worst, relative = max(worst, abs(a - b)), max(relative, abs(a - b) / max(1.0, abs(b)))
        unequal += any(parts[0] != float(sample[metric]) for metric, parts in row["metrics"].items())
    found: dict[str, Any] = {
        "rows_of_both": len(samples), "worst_nats": round(worst, 6), "worst_relative": float(f"{relative:.2g}"),
        "rows_scored_otherwise": unequal,
    }  # fmt: skip
    for metric in rows[0]["metrics"]:
        own = fmean(row["metrics"][metric][0] for row in rows)
        found[metric] = {"ours": round(own, 6), "harness": round(theirs["figures"][f"{metric},none"], 6)}
    same = all(one["ours"] == one["harness"] for one in found.values() if isinstance(one, dict))
    whole = {
        one["metric"]: [round(one[part], 4) for part in ("value", "low", "high")]
        for one in mine["figures"] if not one["group"]
    }  # fmt: skip
    return {
        **found, "harness_took": theirs["took"], "equal": same and not unequal and relative < WITHIN,
        "all_rows": {"rows": len(mine["rows"]), **whole},
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--arc-easy", type=Path, required=True)
    parser.add_argument("--piqa", type=Path, required=True)
    parser.add_argument("--limit", type=int, default=100)
    parser.add_argument("--harness-rows", type=int, help="Of these so many by the harness too [default: all].")
    parser.add_argument("--model", action="append", help="Repeatable; the two small ones by default.")
    parser.add_argument("--work", type=Path, default=Path("scratch"), help="What is done there is kept.")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "suites.json")
    args = parser.parse_args()
    paths = {"arc_easy": args.arc_easy, "piqa": args.piqa}
    report: dict[str, Any] = {
        "versions": {name: version(name) for name in ("lm_eval", "transformers", "torch")}, "models": {},
    }  # fmt: skip
    for model in args.model or MODELS:
        work = args.work / model.replace(":", "-").replace("/", "-")
        work.mkdir(parents=True, exist_ok=True)
        mine = ours(model, paths, args.limit, work)
        report["models"][model] = {
            "ours_took": mine["took"], "load": [round(one, 1) for one in os.getloadavg()],
            **{
                name: compare(suite, harness(model, numbers(suite)[: args.harness_rows], name, path, work))
                for name, path in paths.items()
                for suite in (mine["suites"][name],)
            },
        }  # fmt: skip
        args.out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(report, indent=1))
    if not all(found[name]["equal"] for found in report["models"].values() for name in paths):
        sys.exit("not equal")


if __name__ == "__main__":
    main()
