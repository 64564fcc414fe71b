"""Tokens a second of `candidates` against the same engine called directly, and against a plain `generate` loop.

The same segments, the same prompts and the same sampling (nucleus .9, temperature .7) in one process, one contestant
after the other, in rounds. A segment is a human response of the seed's pairs: what decides is its length.

    candidates   humpback.augment.instruct: prompts, writing, cleaning, checking, records
    engine       the same requests, handed to the engine
    plain        tokenizer and `model.generate`, batches of 8, padded on the left, sorted by length
    plain-bf16   the same in bfloat16, where the engine computes in it

    python benchmarks/augment_speed.py --pairs dolly15k.jsonl.gz --json benchmarks/results/augment_speed.json
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import torch
from speeds import Clock, machine, read_pairs, write_json
from transformers import AutoModelForCausalLM, AutoTokenizer

from humpback import models
from humpback.augment import instruct, shown
from humpback.config import AugmentSettings, ModelSettings
from humpback.engines.open import open_engine
from humpback.engines.transformers import pick_device, pick_dtype
from humpback.prompts import backward_messages
from humpback.records import Pair, Request, Sampling, Segment, record_seed
from humpback.template import Template

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
                settings.max_new_tokens, settings.temperature, settings.top_p, record_seed(0, stage, f"{one.id}/0")
            ),
        )
        for one in segments
    ]


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """All contestants in all rounds."""
    model = ModelSettings(name=arguments.model, device=arguments.device, dtype=arguments.dtype)
    settings = AugmentSettings(max_new_tokens=arguments.new_tokens)
    segments = segments_of(read_pairs(arguments.pairs, arguments.segments, arguments.max_chars))
    requests = requests_of(segments, settings, "candidates")
    device = pick_device(model.device)
    path = models.resolve(model).path
    names = ["candidates", "engine", "plain"]
    dtypes = {"plain": torch.float32}
    if pick_dtype(model.dtype, device) == torch.bfloat16:
        names, dtypes["plain-bf16"] = [*names, "plain-bf16"], torch.bfloat16
    plain = {name: Plain(path, dtype, device) for name, dtype in dtypes.items()}
    results: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    with open_engine(model) as engine:
        for name in names:  # a first call pays for what is made once
            plain[name].write(requests[:2], model.max_tokens) if name in plain else list(engine.generate(requests[:2]))
        for _ in range(arguments.rounds):
            for name in names:
                clock = Clock()
                with clock.running():
                    if name == "candidates":
                        usage = instruct(segments, engine, settings, 0, "candidates").usage
                        counts = {"prompts": len(segments), "tokens": usage.written}
                    elif name == "engine":
                        done = list(engine.generate(requests))
                        counts = {"prompts": len(done), "tokens": sum(one.completion_tokens for one in done)}
                    else:
                        counts = plain[name].write(requests, model.max_tokens)
                results[name].append(clock.rates(**counts))
                print(name, results[name][-1], flush=True)
    return {"machine": machine(), "settings": shown_settings(arguments), "results": results} | shares(results)


def shown_settings(arguments: argparse.Namespace) -> dict[str, Any]:
    """The flags, without where things lie."""
    return {**vars(arguments), "pairs": Path(arguments.pairs).name, "json": None}


def shares(results: dict[str, list[dict[str, float]]]) -> dict[str, Any]:
    """How the contestants stand to one another, by each clock, the best round of each."""
    best = {
        clock: {name: max(row[f"tokens_{clock}"] for row in rows) for name, rows in results.items()}
        for clock in ("per_s", "per_cpu_s")
    }
    return {
        "candidates_of_engine": {clock: round(best[clock]["candidates"] / best[clock]["engine"], 3) for clock in best},
        "engine_times_plain": {
            clock: {
                name: round(best[clock]["engine"] / rate, 2) for name, rate in best[clock].items() if "plain" in name
            }
            for clock in best
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", default="package:demo", help="any seed that humpback reads")
    parser.add_argument("--model", default="package:smollm2-135m-instruct")
    parser.add_argument("--segments", type=int, default=96)
    parser.add_argument("--new-tokens", type=int, default=48)
    parser.add_argument("--max-chars", type=int, default=1500)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--dtype", choices=("auto", "float32", "bfloat16"), default="auto")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    found = measure(arguments)
    write_json(arguments.json, found)
    print({key: value for key, value in found.items() if key not in ("results", "settings")})


if __name__ == "__main__":
    main()
