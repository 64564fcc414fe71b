"""Our embedded engine beside what else runs a small model on a CPU from a wheel.

The same prompts, as tokens: instructions to write for segments, and pairs to read a grade for. One contestant after
the other, in rounds. Each peer is run by an interpreter that has it, and left out where none is given:

    python benchmarks/cpu_engines.py --pairs dolly15k.jsonl.gz --llama a/bin/python --gguf model.f16.gguf \\
        --ctranslate2 b/bin/python --openvino c/bin/python --onnx d/bin/python --json engines.json

What each needs from pip, and llama a file by llama.cpp's own converter besides:

    llama        xllamacpp
    ctranslate2  ctranslate2 torch 'transformers<5'
    openvino     openvino-genai 'optimum-intel[openvino]'
    onnx         onnxruntime-genai onnx-ir torch transformers; on a CPU it has float32 alone
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import torch
from speeds import Clock, Figures, Row, facts_of, flags, model_of, read_pairs, rounded, times, transformers_4

from humpback import models
from humpback.config import ModelSettings
from humpback.engines.transformers import TransformersEngine, pick_device, pick_dtype
from humpback.models.template import common_prefix
from humpback.prompts import EXPECTED_RATING_PREFIX, GRADES, backward_messages, expected_rating_messages
from humpback.records import Pair
from humpback.requests import LikelihoodRequest, Request, Sampling

PEERS = ("llama", "ctranslate2", "openvino", "onnx")
CHILD = Path(__file__).parent / "peers" / "cpu_engines.py"


def ours(model: ModelSettings, pairs: list[Pair], new: int) -> Row:
    """The embedded engine, with what loading takes."""
    parts: Row = {}
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


def peer(name: str, python: str, spec: dict[str, Any]) -> Row:
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


def task(arguments: argparse.Namespace, pairs: list[Pair], work: str) -> dict[str, Any]:
    """What every peer gets."""
    model = model_of(arguments)
    path = models.resolve(model).path
    lent = TransformersEngine(path, "", model).template
    most = 1024 - arguments.new_tokens
    read = [
        lent.prompt(expected_rating_messages(one.instruction, one.response), EXPECTED_RATING_PREFIX, most)
        for one in pairs
    ]
    return {
        "work": work,
        "model": str(transformers_4(path, Path(work) / "model")),
        "gguf": arguments.gguf,
        "threads": torch.get_num_threads(),
        "dtype": str(pick_dtype(model.dtype, pick_device(model.device))).removeprefix("torch."),
        "max_tokens": 1024,
        "new_tokens": arguments.new_tokens,
        "stop": lent.stop_ids,
        "write": [lent.prompt(backward_messages(one.response), "", most) for one in pairs],
        "read": read,
        "shared": len(common_prefix(read)),
    }


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """All contestants in all rounds."""
    pairs = read_pairs(arguments.pairs, arguments.count, arguments.max_chars)
    with tempfile.TemporaryDirectory() as work:
        spec = task(arguments, pairs, work)
        prompts = {name: rounded(sum(map(len, spec[name])) / len(pairs)) for name in ("write", "read")}
        facts = facts_of(arguments, (*PEERS, "gguf")) | {"tokens_per_prompt": prompts | {"read_shared": spec["shared"]}}
        figures = Figures(arguments.json, facts, compared)
        for turn in range(arguments.rounds):
            figures.measure("humpback", turn, partial(ours, model_of(arguments), pairs, arguments.new_tokens))
            for name in PEERS:
                if python := getattr(arguments, name):
                    figures.measure(name, turn, partial(peer, name, python, spec))
    return figures.whole()


def compared(rows: dict[str, list[Row]]) -> dict[str, Any]:
    """The peers' rates as multiples of ours."""
    found: dict[str, Any] = {}
    for name, turns in rows.items():
        if name != "humpback" and not any("failed" in row for row in turns):
            found[name] = {
                part: times([row[part] for row in turns], [row[part] for row in rows["humpback"]], what)
                for part, what in (("write", "tokens"), ("read", "rows"))
            }
    return {"compared": found}


def main() -> None:
    parser = flags(__doc__, 48, ("cpu",))
    parser.add_argument("--llama", help="an interpreter that has xllamacpp")
    parser.add_argument("--gguf", default="", help="the same weights for it, in float16")
    parser.add_argument("--ctranslate2", help="an interpreter that has ctranslate2 and transformers")
    parser.add_argument("--openvino", help="an interpreter that has openvino-genai and optimum-intel")
    parser.add_argument("--onnx", help="an interpreter that has onnxruntime-genai")
    print(measure(parser.parse_args())["compared"])


if __name__ == "__main__":
    main()
