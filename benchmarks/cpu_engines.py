"""Our embedded engine beside what else runs a small model on a CPU from a wheel.

The same prompts, as tokens: instructions to write for segments, and pairs to read a grade for. One contestant after
the other, in rounds. Each peer is run by an interpreter that has it, and left out where none is given:

    python benchmarks/cpu_engines.py --pairs dolly15k.jsonl.gz --llama a/bin/python --gguf model.f16.gguf \\
        --ctranslate2 b/bin/python --openvino c/bin/python
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import torch
from speeds import Clock, machine, read_pairs, rounded, transformers_4, write_json

from humpback import models
from humpback.config import ModelSettings
from humpback.engines.transformers import TransformersEngine
from humpback.prompts import EXPECTED_RATING_PREFIX, GRADES, backward_messages, expected_rating_messages
from humpback.records import LikelihoodRequest, Pair, Request, Sampling
from humpback.template import common_prefix

PEERS = ("llama", "ctranslate2", "openvino")
CHILD = Path(__file__).parent / "peers" / "cpu_engines.py"


def ours(model: ModelSettings, pairs: list[Pair], new: int) -> dict[str, Any]:
    """The embedded engine, with what loading takes."""
    parts: dict[str, dict[str, float]] = {}
    clock = Clock()
    folder = models.resolve(model)
    with clock.running():
        engine = TransformersEngine(folder.path, folder.identity, model)
    parts["load"] = clock.rates()
    written = [Request(one.id, backward_messages(one.response), Sampling(new, seed=i)) for i, one in enumerate(pairs)]
    read = [
        LikelihoodRequest(
            one.id, expected_rating_messages(one.instruction, one.response), GRADES, EXPECTED_RATING_PREFIX
        )
        for one in pairs
    ]
    clock = Clock()
    with clock.running():
        tokens = sum(one.completion_tokens for one in engine.generate(written))
    parts["write"] = clock.rates(rows=len(pairs), tokens=tokens)
    clock = Clock()
    with clock.running():
        list(engine.loglikelihood(read))
    parts["read"] = clock.rates(rows=len(pairs))
    engine.close()
    return parts


def peer(name: str, python: str, spec: dict[str, Any]) -> dict[str, Any]:
    """Another engine, in a process of its own."""
    file = Path(spec["work"]) / "spec.json"
    file.write_text(json.dumps(spec))
    done = subprocess.run([python, str(CHILD), name, str(file)], capture_output=True, text=True, check=False)
    lines = [json.loads(line[7:]) for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    if done.returncode:
        return {"failed": done.stderr.strip().splitlines()[-1:]}
    found = {}
    for line in lines:
        counts = {key: line[key] for key in ("rows", "tokens") if line[key]}
        found[line["part"]] = Clock(line["wall_s"], line["cpu_s"]).rates(**counts)
    return found


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """All contestants in all rounds."""
    results: dict[str, list[dict[str, Any]]] = {}
    pairs = read_pairs(arguments.pairs, arguments.count, arguments.max_chars)
    path = models.resolve(ModelSettings(name=arguments.model)).path
    lent = TransformersEngine(path, "", ModelSettings(name=arguments.model, device="cpu")).template
    most = 1024 - arguments.new_tokens
    with tempfile.TemporaryDirectory() as work:
        spec = {
            "work": work,
            "model": str(transformers_4(path, Path(work) / "model")),
            "gguf": arguments.gguf,
            "threads": torch.get_num_threads(),
            "max_tokens": 1024,
            "new_tokens": arguments.new_tokens,
            "stop": lent.stop_ids,
            "write": [lent.prompt(backward_messages(one.response), "", most) for one in pairs],
            "read": [
                lent.prompt(expected_rating_messages(one.instruction, one.response), EXPECTED_RATING_PREFIX, most)
                for one in pairs
            ],
        }
        spec["shared"] = len(common_prefix(spec["read"]))
        for _ in range(arguments.rounds):
            for dtype in arguments.dtypes:
                model = ModelSettings(name=arguments.model, device="cpu", dtype=dtype)
                done = {"humpback": ours(model, pairs, arguments.new_tokens)}
                for name in PEERS:
                    if python := getattr(arguments, name):
                        done[name] = peer(name, python, spec | {"dtype": dtype})
                for name, row in done.items():
                    results.setdefault(f"{name} {dtype}", []).append(row)
                    print(name, dtype, row, flush=True)
    settings = {key: value for key, value in vars(arguments).items() if key not in (*PEERS, "gguf", "json")}
    settings["pairs"] = Path(arguments.pairs).name
    prompts = {name: rounded(sum(map(len, spec[name])) / len(pairs)) for name in ("write", "read")}
    prompts["read_shared"] = spec["shared"]
    return {"machine": machine(), "settings": settings, "tokens_per_prompt": prompts, "results": results}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", default="package:demo", help="any seed that humpback reads")
    parser.add_argument("--model", default="package:smollm2-135m-instruct")
    parser.add_argument("--count", type=int, default=48)
    parser.add_argument("--new-tokens", type=int, default=48)
    parser.add_argument("--max-chars", type=int, default=1500)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--dtypes", nargs="+", choices=("float32", "bfloat16"), default=["float32", "bfloat16"])
    parser.add_argument("--llama", help="an interpreter that has xllamacpp")
    parser.add_argument("--gguf", default="", help="the same weights for it, in float16")
    parser.add_argument("--ctranslate2", help="an interpreter that has ctranslate2 and transformers")
    parser.add_argument("--openvino", help="an interpreter that has openvino-genai and optimum-intel")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    write_json(arguments.json, measure(arguments))


if __name__ == "__main__":
    main()
