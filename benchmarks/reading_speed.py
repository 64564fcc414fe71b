"""Reading and writing against what the machine can multiply.

Measures the rate of matrix products in this process (a large square, and the shapes of the model's own layers), counts
what the model has to multiply for each token, and says which share of the rate reading and writing reach. Counted are
the products with weights, and attention's own (half of a square for a text that is read).

    python benchmarks/reading_speed.py --pairs dolly15k.jsonl.gz
    python benchmarks/reading_speed.py --pairs dolly15k.jsonl.gz --device cuda --count 512      # on a GPU
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from speeds import Clock, machine, matmul_rate, read_pairs, rounded, write_json
from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM

from humpback import models
from humpback.config import ModelSettings
from humpback.engines.base import Engine
from humpback.engines.open import open_engine
from humpback.engines.transformers import pick_device, pick_dtype
from humpback.records import LikelihoodRequest, Message, Pair, Part, Request, Sampling

SQUARE = 2048


@dataclass(frozen=True, slots=True)
class Work:
    """What a model multiplies: parameters of its layers and of its head, and the width of attention in all layers."""

    layers: int
    head: int
    attention: int
    shapes: dict[str, tuple[int, int]]

    def gflop(self, tokens: float, positions: float, looks: float) -> float:
        """For tokens that go through the layers, positions that go through the head, and pairs of tokens that meet."""
        return 2 * (self.layers * tokens + self.head * positions + 2 * self.attention * looks) / 1e9


def work_of(path: Path) -> Work:
    """Counted on a model without memory."""
    config = AutoConfig.from_pretrained(path)
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    head = model.get_output_embeddings()
    linear = {name: one for name, one in model.named_modules() if isinstance(one, nn.Linear) and one is not head}
    text = config.get_text_config()
    width = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
    return Work(
        layers=sum(one.weight.numel() for one in linear.values()),
        head=head.weight.numel(),
        attention=text.num_hidden_layers * text.num_attention_heads * width,
        shapes={name.rpartition(".")[2]: (one.in_features, one.out_features) for name, one in linear.items()}
        | {"head": (head.in_features, head.out_features)},
    )


def multiplied(work: Work, dtype: torch.dtype, device: str, rows: tuple[int, int]) -> dict[str, Any]:
    """The rate of products: a square, and each of the model's shapes with as many rows as reading and writing have."""
    square = matmul_rate(SQUARE, SQUARE, SQUARE, dtype, device, 1.0)
    shapes = {
        f"{name} {inner}x{columns}": {
            f"{count} rows": matmul_rate(count if name != "head" else min(count, 256), inner, columns, dtype, device)
            for count in rows
        }
        for name, (inner, columns) in work.shapes.items()
    }
    return {"square": square, "shapes": shapes}


def reading(engine: Engine, pairs: list[Pair], work: Work) -> tuple[Clock, float, dict[str, Any]]:
    """How likely is each response? All of its tokens are read, and all go through the head."""
    requests = [
        LikelihoodRequest(pair.id, (Message("user", (Part(pair.instruction, cut=True),)),), (pair.response,))
        for pair in pairs
    ]
    clock = Clock()
    with clock.running():
        found = list(engine.loglikelihood(requests))
    tokens, positions = sum(one.prompt_tokens for one in found), sum(sum(one.tokens) for one in found)
    gflop = work.gflop(tokens, positions, sum(one.prompt_tokens**2 / 2 for one in found))
    return clock, gflop, {"tokens": tokens, "scored": positions}


def writing(engine: Engine, pairs: list[Pair], work: Work, new: int) -> tuple[Clock, float, dict[str, Any]]:
    """Answers to the instructions."""
    requests = [
        Request(pair.id, (Message("user", (Part(pair.instruction, cut=True),)),), Sampling(new, seed=index))
        for index, pair in enumerate(pairs)
    ]
    clock = Clock()
    with clock.running():
        found = list(engine.generate(requests))
    read, written = sum(one.prompt_tokens for one in found), sum(one.completion_tokens for one in found)
    looks = sum((one.prompt_tokens + one.completion_tokens) ** 2 / 2 for one in found)
    return clock, work.gflop(read + written, written, looks), {"tokens": written, "prompt_tokens": read}


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Products, reading, writing, products again: the machine may have changed meanwhile."""
    model = ModelSettings(name=arguments.model, device=arguments.device, dtype=arguments.dtype)
    device = pick_device(model.device)
    dtype = pick_dtype(model.dtype, device)
    path = models.resolve(model).path
    work = work_of(path)
    pairs = read_pairs(arguments.pairs, arguments.count, arguments.max_chars)
    found: dict[str, Any] = {
        "dtype": str(dtype).removeprefix("torch."),
        "gflop_per_token": {"layers": rounded(work.gflop(1, 0, 0)), "head": rounded(work.gflop(0, 1, 0))},
        "products": multiplied(work, dtype, device.type, (4096, 64)),
    }
    with open_engine(model) as engine:
        reading(engine, pairs[:2], work)
        writing(engine, pairs[:2], work, 2)
        parts = {"reading": reading(engine, pairs, work), "writing": writing(engine, pairs, work, arguments.new_tokens)}
    after = matmul_rate(SQUARE, SQUARE, SQUARE, dtype, device.type, 1.0)
    found["products"]["square_after"] = after
    square = found["products"]["square"]
    for name, (clock, gflop, counts) in parts.items():
        found[name] = clock.rates(tokens=counts.pop("tokens"), gflop=rounded(gflop)) | counts
        found[name]["share_of_square"] = round(gflop / clock.wall / max(square["gflops"], after["gflops"]), 3)
        fastest = max(square["gflops_per_cpu_s"], after["gflops_per_cpu_s"])
        found[name]["share_of_square_by_cpu_s"] = round(gflop / clock.cpu / fastest, 3)
    settings = {**vars(arguments), "pairs": Path(arguments.pairs).name, "json": None}
    return {"machine": machine(), "settings": settings} | found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", default="package:demo", help="any seed that humpback reads")
    parser.add_argument("--model", default="package:smollm2-135m-instruct")
    parser.add_argument("--count", type=int, default=128)
    parser.add_argument("--new-tokens", type=int, default=48)
    parser.add_argument("--max-chars", type=int, default=1500)
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--dtype", choices=("auto", "float32", "bfloat16"), default="auto")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    found = measure(arguments)
    write_json(arguments.json, found)
    for name, value in found.items():
        if name != "settings":
            print(f"{name}: {value}")


if __name__ == "__main__":
    main()
