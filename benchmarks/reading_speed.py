"""Reading and writing against what the machine can multiply.

Measures the rate of matrix products in this process (a large square, and the shapes of the model's own layers), counts
what the model has to multiply for each token, and says which share of the rate reading and writing reach. Counted are
the products with weights, and attention's own (half of a square for a text that is read). Each contestant stands
between two measurements of the square, the better one of which it is held against.

    reading         how likely is each response? All of its tokens go through the head
    writing         answers to the instructions
    pass            one bare forward pass, the head for the last token alone, by the network as it is loaded here
    pass-plain      by the network as transformers loads it
    pass-compiled   by that one through torch.compile, with shapes that change and its weights as constants, which lets
                    the compiler lay them out for the processor; last, with --compile. Compiling is told apart

    python benchmarks/reading_speed.py --pairs dolly15k.jsonl.gz --compile --json speed.json
    python benchmarks/reading_speed.py --pairs dolly15k.jsonl.gz --device cuda --count 512      # on a GPU
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import torch
from bare_pass import BarePass
from speeds import Clock, Figures, Row, facts_of, flags, matmul_rate, model_of, read_pairs, rounded
from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM

from humpback import models
from humpback.engines.base import Engine
from humpback.engines.transformers import TransformersEngine, pick_device, pick_dtype
from humpback.records import Pair
from humpback.requests import LikelihoodRequest, Message, Part, Request, Sampling

SQUARE = 2048

Done = tuple[Clock, float, dict[str, Any]]
"""What a contestant took, what it had to multiply (GFLOP), and what else it counted, the tokens at least."""


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


def shapes(work: Work, dtype: torch.dtype, device: str, rows: tuple[int, int]) -> Row:
    """The rate of products of the model's shapes, with as many rows as reading and writing have."""
    return {
        f"{name} {inner}x{columns}": {
            f"{count} rows": matmul_rate(count if name != "head" else min(count, 256), inner, columns, dtype, device)
            for count in rows
        }
        for name, (inner, columns) in work.shapes.items()
    }


def reading(engine: Engine, pairs: list[Pair], work: Work) -> Done:
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


def writing(engine: Engine, pairs: list[Pair], work: Work, new: int) -> Done:
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


def passing(network: Any, bare: BarePass, work: Work) -> Done:
    """One bare forward pass."""
    clock = bare.clocked(network)
    return clock, work.gflop(bare.tokens, bare.rows, bare.looks), {"tokens": bare.tokens}


def compiled(network: Any, bare: BarePass, figures: Figures) -> Any:
    """The network made anew by torch.compile, for all shapes that come; what that takes is a figure of its own."""
    from torch._inductor import config
    from torch._inductor.utils import fresh_cache

    config.freezing = True
    made = torch.compile(network, dynamic=True)
    with fresh_cache():
        figures.measure("compiling", 0, lambda: bare.clocked(made).rates())
        bare.clocked(made)
    return made


def beside_square(work: Callable[[], Done], square: Callable[[], dict[str, float]]) -> Row:
    """A contestant between two measurements of the machine."""
    before = square()
    clock, gflop, counts = work()
    fastest = {name: max(before[name], value) for name, value in square().items()}
    row = clock.rates(tokens=counts.pop("tokens"), gflop=rounded(gflop)) | counts | {"square": fastest}
    shares = {
        "per_s": gflop / clock.wall / fastest["gflops"],
        "per_cpu_s": gflop / clock.cpu / fastest["gflops_per_cpu_s"],
    }
    return row | {"share_of_square": {name: round(share, 3) for name, share in shares.items()}}


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """All contestants in all rounds."""
    model = model_of(arguments)
    device = pick_device(model.device)
    dtype = pick_dtype(model.dtype, device)
    folder = models.resolve(model)
    work = work_of(folder.path)
    pairs = read_pairs(arguments.pairs, arguments.count, arguments.max_chars)
    facts = facts_of(arguments, ("compile",)) | {
        "computed_in": str(dtype).removeprefix("torch."),
        "gflop_per_token": {"layers": rounded(work.gflop(1, 0, 0)), "head": rounded(work.gflop(0, 1, 0))},
    }
    figures = Figures(arguments.json, facts, shares)
    figures.measure("shapes", 0, partial(shapes, work, dtype, device.type, (4096, 64)))
    engine = TransformersEngine(folder.path, folder.identity, model)
    reading(engine, pairs[:2], work)
    writing(engine, pairs[:2], work, 2)
    bare = BarePass(engine._open_model(), pairs)
    plain = AutoModelForCausalLM.from_pretrained(folder.path, dtype=dtype).to(device).eval()
    works: dict[str, Callable[[], Done]] = {
        "reading": partial(reading, engine, pairs, work),
        "pass": partial(passing, engine._open_model().network, bare, work),
        "pass-plain": partial(passing, plain, bare, work),
        "writing": partial(writing, engine, pairs, work, arguments.new_tokens),
    }
    square = partial(matmul_rate, SQUARE, SQUARE, SQUARE, dtype, device.type, 1.0)
    for turn in range(arguments.rounds):
        for name, one in works.items():
            figures.measure(name, turn, partial(beside_square, one, square))
    if arguments.compile and figures.missing("pass-compiled", arguments.rounds - 1):
        made = compiled(plain, bare, figures)
        for turn in range(arguments.rounds):
            figures.measure("pass-compiled", turn, partial(beside_square, partial(passing, made, bare, work), square))
    return figures.whole()


def shares(rows: dict[str, list[Row]]) -> dict[str, Any]:
    """Which share of the square's rate each contestant reaches: in its best round, and the median of the rounds."""
    found: dict[str, Any] = {}
    for name, turns in rows.items():
        for clock in turns[-1].get("share_of_square", ()):
            each = [row["share_of_square"][clock] for row in turns]
            found.setdefault(name, {})[clock] = {"best": max(each), "median": rounded(median(each))}
    return {"share_of_square": found}


def main() -> None:
    parser = flags(__doc__, 128)
    parser.add_argument("--compile", action="store_true", help="try torch.compile as well")
    for name, value in measure(parser.parse_args()).items():
        if name not in ("settings", "results"):
            print(f"{name}: {value}")


if __name__ == "__main__":
    main()
