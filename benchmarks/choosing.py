"""How well, and how fast, `corpus.choose` finds answers that are hidden in a corpus.

Answers of the seed's kind are planted among segments of documents; the direction is made from other answers and a
sample of the mixture, as a run makes it. Printed are AUROC (.5 is chance), which part of the best 10, 20, 30 and 50 %
is planted, and passages a second on this machine: by words, by hidden states, and by hidden states of the half that is
best by words.

    humpback segment docs/*.jsonl.gz --out segments.jsonl
    python benchmarks/choosing.py --seed dolly15k.jsonl.gz --segments segments.jsonl --model package:gemma3-270m
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from labelled_sets import pairs_of

from humpback.config import ChooseSettings, ModelSettings
from humpback.data_access.rows import file_rows
from humpback.engines.base import Engine
from humpback.engines.open import open_engine
from humpback.likeness.measuring import LikenessMeter, Sampled, find_directions
from humpback.records import Segment, record_rng_seed
from humpback.statistics.ranks import auroc

SHARES = (0.1, 0.2, 0.3, 0.5)


@dataclass(frozen=True, slots=True)
class Mixture:
    """Passages in random order, some of them planted answers."""

    passages: Sequence[Segment]
    planted: np.ndarray


def mixture(answers: Sequence[str], segments: Sequence[str]) -> Mixture:
    """Puts both together; ids and order say nothing of where a passage comes from."""
    texts = sorted([(text, True) for text in answers] + [(text, False) for text in segments],
                   key=lambda item: record_rng_seed(0, "mixture", item[0]))  # fmt: skip
    passages = [Segment(f"{index}", "", "", (), text, "en") for index, (text, _) in enumerate(texts)]
    return Mixture(passages, np.array([planted for _, planted in texts]))


def figures(
    settings: ChooseSettings, answers: Sequence[str], mixed: Mixture, engine: Engine | None
) -> dict[str, float]:
    """What one way of choosing finds, and what it takes."""
    seed = [Sampled(f"a{index}", text) for index, text in enumerate(answers)][: settings.sample]
    sample = [Sampled(passage.id, passage.text) for passage in mixed.passages[: settings.sample]]
    directions = find_directions(seed, sample, settings, engine, 0).kept
    meter, start = LikenessMeter(directions, settings.tokens, engine), time.perf_counter()
    likenesses = [item for at in range(0, len(mixed.passages), 64)
                  for item in meter.measure(mixed.passages[at : at + 64]).kept]  # fmt: skip
    seconds = time.perf_counter() - start
    scores = np.array([-np.inf if item.score is None else item.score for item in likenesses])
    order = np.argsort(-scores, kind="stable")
    at = {
        f"planted_of_best_{share:.0%}": float(mixed.planted[order[: int(share * len(order))]].mean())
        for share in SHARES
    }
    found = {"auroc": auroc(scores[~mixed.planted], scores[mixed.planted]), "transfer": directions[0].transfer, **at}
    return {name: round(value, 3) for name, value in found.items()} | {
        "passages_per_s": round(len(scores) / seconds, 1),
        "read_by_the_model": int(np.isfinite(scores).sum()) if engine else 0,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=Path, required=True, help="pairs: some are the seed, some are planted")
    parser.add_argument("--segments", type=Path, required=True, help="what 'humpback segment' wrote")
    parser.add_argument("--model", default="package:gemma3-270m")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--answers", type=int, default=500, help="answers in the seed")
    parser.add_argument("--planted", type=int, default=200)
    parser.add_argument("--count", type=int, default=1800, help="segments")
    parser.add_argument("--min-chars", type=int, default=300, help="of a planted answer")
    parser.add_argument("--sample", type=int, default=1000, help="passages that the direction is made from")
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()

    responses = [pair.response for pair, _ in pairs_of(args.seed, 3000)]
    long = [text for text in responses[args.answers :] if len(text) >= args.min_chars][: args.planted]
    segments = [str(row["text"]) for _, row in file_rows(args.segments)]
    segments.sort(key=lambda text: record_rng_seed(0, "segments", text))
    mixed, seed = mixture(long, segments[: args.count]), responses[: args.answers]
    ways = {
        "words": ChooseSettings(by="words", sample=args.sample),
        "hidden": ChooseSettings(by="hidden", sample=args.sample, tokens=args.tokens),
        "hidden_of_best_half": ChooseSettings(by="hidden", sample=args.sample, tokens=args.tokens, words_share=0.5),
    }
    with open_engine(ModelSettings(name=args.model, device=args.device)) as engine:
        results = {
            name: figures(way, seed, mixed, engine if way.by == "hidden" else None) for name, way in ways.items()
        }
    facts = {"model": args.model, "answers": len(seed), "planted": len(long), "passages": len(mixed.passages)}
    print(json.dumps({**facts, "results": results}, indent=1))
    if args.json:
        args.json.write_text(json.dumps({**facts, "results": results}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
