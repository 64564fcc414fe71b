"""Tokens a second of `candidates` against the same engine called directly, and against a plain `generate` loop.

The same segments, the same prompts and the same sampling (nucleus .9, temperature .7) in one process, one contestant
after the other, in rounds, the first two side by side. A segment is a human response of the seed's pairs: what decides
is its length.

    candidates   humpback.augment.instruct: prompts, writing, cleaning, checking, records; without augment.gain
    engine       the same requests, handed to the engine
    with-gain    candidates, and what augment.gain reads of them afterwards
    plain        tokenizer and `model.generate`, batches of 8, padded on the left, sorted by length
    plain-bf16   the same in bfloat16, where the engine computes in it

    python benchmarks/augment_speed.py --pairs dolly15k.jsonl.gz --json benchmarks/results/augment_speed.json
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from speeds import Clock, Figures, Row, facts_of, flags, model_of, read_pairs, times
from transformers import AutoModelForCausalLM, AutoTokenizer

from humpback import models
from humpback.augment import instruct, shown
from humpback.config import AugmentSettings
from humpback.engines.base import Engine
from humpback.engines.open import open_engine
from humpback.engines.transformers import pick_device, pick_dtype
from humpback.models.template import Template
from humpback.prompts import backward_messages
from humpback.records import Pair, Segment, record_rng_seed
from humpback.requests import Request, Sampling

BATCH = 8


class Plain:
    """The loop that a tutorial shows."""

    def __init__(self, path: Path, dtype: torch.dtype, device: torch.device) -> None:
        self.tokenizer = AutoTokenizer.from_pretrained(path)
        self.template = Template(self.tokenizer)
        self.model = AutoModelForCausalLM.from_pretrained(path, dtype=dtype).to(device).eval()
        self.device = device

    def write(self, requests: list[Request], max_tokens: int) -> dict[str, int]:
        """Continues all; counts tokens up to the end of each answer."""
        prompts = [self.template.prompt(one.messages, "", max_tokens - one.sampling.max_new_tokens) for one in requests]
        prompts.sort(key=len)
        written = 0
        for start in range(0, len(prompts), BATCH):
            rows = prompts[start : start + BATCH]
            width = max(map(len, rows))
            pad = self.template.pad_id
            ids = torch.tensor([[pad] * (width - len(row)) + list(row) for row in rows], device=self.device)
            mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows], device=self.device)
            sampling = requests[0].sampling
            stop = list(self.template.stop_ids)
            with torch.inference_mode():
                found = self.model.generate(
                    ids, attention_mask=mask, do_sample=True, temperature=sampling.temperature, top_p=sampling.top_p,
                    top_k=0, max_new_tokens=sampling.max_new_tokens, eos_token_id=stop, pad_token_id=pad,
                )[:, width:]  # fmt: skip
            for row in found.tolist():
                ends = [index for index, token in enumerate(row) if token in stop]
                written += ends[0] + 1 if ends else len(row)
                self.tokenizer.decode(row, skip_special_tokens=True)
        return {"prompts": len(prompts), "tokens": written}


def segments_of(pairs: list[Pair]) -> list[Segment]:
    """Responses as segments."""
    return [Segment(pair.id, pair.id, pair.source, (), pair.response, "en") for pair in pairs]


def requests_of(segments: list[Segment], settings: AugmentSettings, stage: str) -> list[Request]:
    """What `candidates` asks the engine."""
    return [
        Request(
            f"{one.id}/0",
            backward_messages(shown(one, settings)),
            Sampling(
                settings.max_new_tokens, settings.temperature, settings.top_p, record_rng_seed(0, stage, f"{one.id}/0")
            ),
        )
        for one in segments
    ]


def by_stage(engine: Engine, settings: AugmentSettings, segments: list[Segment]) -> dict[str, int]:
    """What a run does."""
    return {"prompts": len(segments), "tokens": instruct(segments, engine, settings, 0, "candidates").usage.written}


def by_engine(engine: Engine, requests: list[Request]) -> dict[str, int]:
    """The engine alone."""
    done = list(engine.generate(requests))
    return {"prompts": len(done), "tokens": sum(one.completion_tokens for one in done)}


def clocked(work: Callable[[], dict[str, int]]) -> Row:
    """How fast a contestant is."""
    clock = Clock()
    with clock.running():
        counts = work()
    return clock.rates(**counts)


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """All contestants in all rounds."""
    model = model_of(arguments)
    settings = AugmentSettings(max_new_tokens=arguments.new_tokens)
    bare = settings.model_copy(update={"gain": False})
    segments = segments_of(read_pairs(arguments.pairs, arguments.count, arguments.max_chars))
    requests = requests_of(segments, settings, "candidates")
    device = pick_device(model.device)
    path = models.resolve(model).path
    dtypes = {"plain": torch.float32}
    if pick_dtype(model.dtype, device) == torch.bfloat16:
        dtypes["plain-bf16"] = torch.bfloat16
    plain = {name: Plain(path, dtype, device) for name, dtype in dtypes.items()}
    figures = Figures(arguments.json, facts_of(arguments), compared)
    with open_engine(model) as engine:
        by_stage(engine, settings, segments[:2])  # a first call pays for what is made once
        for loop in plain.values():
            loop.write(requests[:2], model.max_tokens)
        works: dict[str, Callable[[], dict[str, int]]] = {
            "candidates": partial(by_stage, engine, bare, segments),
            "engine": partial(by_engine, engine, requests),
            "with-gain": partial(by_stage, engine, settings, segments),
        }
        works |= {name: partial(loop.write, requests, model.max_tokens) for name, loop in plain.items()}
        for turn in range(arguments.rounds):
            for name, work in works.items():
                figures.measure(name, turn, partial(clocked, work))
    return figures.whole()


def compared(rows: dict[str, list[Row]]) -> dict[str, Any]:
    """How the contestants stand to one another."""
    engine = rows.get("engine", [])
    loops = {name: times(engine, found, "tokens") for name, found in rows.items() if name.startswith("plain")}
    bare, gain = rows.get("candidates", []), rows.get("with-gain", [])
    found = {
        "candidates_of_engine": times(bare, engine, "tokens"),
        "with_gain_of_candidates": times(gain, bare, "tokens"),
    }
    return found | {"engine_times": loops}


def main() -> None:
    found = measure(flags(__doc__, 96).parse_args())
    print({key: value for key, value in found.items() if key not in ("results", "settings")})


if __name__ == "__main__":
    main()
