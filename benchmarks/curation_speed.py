"""Pairs rated in a second: ours, a bare forward pass over the same tokens, and distilabel on the same model.

`limit` is what `expected-rating` cannot beat: one forward pass over the tokens that the prompts do not share, in the
same batches, with nothing around it, by the network as it is loaded here; `limit-plain` by the network as transformers
loads it, in float32. Contestants run one after the other, in rounds, distilabel in a process and an environment of its
own:

    python -m venv peer && peer/bin/pip install -U pip && peer/bin/pip install torch==2.13.0
    peer/bin/pip install distilabel==1.5.3 'transformers<5'
    python benchmarks/curation_speed.py --pairs dolly15k.jsonl.gz --distilabel peer/bin/python
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
from transformers import AutoModelForCausalLM

from humpback import models
from humpback.config import CurateSettings, ModelSettings
from humpback.curate import make_scorer
from humpback.engines.loaded import Loaded
from humpback.engines.transformers import TransformersEngine
from humpback.prompts import EXPECTED_RATING_PREFIX, expected_rating_messages
from humpback.records import Candidate, Pair
from humpback.template import common_prefix

CHILD = Path(__file__).parent / "peers" / "distilabel_ratings.py"


def candidates_of(pairs: list[Pair]) -> list[Candidate]:
    """Pairs as candidates."""
    return [
        Candidate(pair.id, pair.id, pair.id, pair.source, (), pair.instruction, pair.response, "people", 0.0)
        for pair in pairs
    ]


def rate(name: str, arguments: argparse.Namespace, pairs: list[Pair], engine: TransformersEngine) -> dict[str, Any]:
    """One of our scorers on all pairs."""
    settings = CurateSettings.model_validate({"scorer": name, "max_new_tokens": arguments.new_tokens})
    scorer = make_scorer(settings, 0, 1, "ratings-1")
    clock = Clock()
    with clock.running():
        outcome = scorer.score(candidates_of(pairs), engine)
    states = [rating.state for rating in outcome.kept]
    counts = {state: states.count(state) for state in ("scored", "unparsed", "truncated")}
    return clock.rates(pairs=len(states)) | counts | {"read": outcome.usage.read, "written": outcome.usage.written}


class Limit:
    """A bare forward pass over the tokens that only one prompt has."""

    def __init__(self, loaded: Loaded, pairs: list[Pair]) -> None:
        prompts = [
            loaded.template.prompt(
                expected_rating_messages(pair.instruction, pair.response), EXPECTED_RATING_PREFIX, loaded.max_tokens
            )
            for pair in pairs
        ]
        prompts.sort(key=len)
        skip = len(common_prefix(prompts))
        self.own = sum(len(ids) - skip for ids in prompts)
        self.shared = skip
        self.batches = []
        for batch in loaded.batches(prompts, [len(ids) for ids in prompts], [1] * len(prompts)):
            width = max(map(len, batch)) - skip
            pad = loaded.template.pad_id
            self.batches.append(torch.tensor([[*ids[skip:], *[pad] * (width + skip - len(ids))] for ids in batch]))

    @torch.inference_mode()
    def run(self, network: Any, device: torch.device) -> dict[str, Any]:
        """The pass by one network."""
        clock = Clock()
        with clock.running():
            for ids in self.batches:
                network(ids.to(device), use_cache=False, logits_to_keep=1)
        rows = sum(len(ids) for ids in self.batches)
        return clock.rates(pairs=rows, tokens=self.own)


def distilabel(arguments: argparse.Namespace, path: Path, pairs: list[Pair], dtype: str) -> dict[str, Any]:
    """The peer, in a process of its own."""
    spec = {
        "dtype": dtype,
        "threads": torch.get_num_threads(),
        "new_tokens": arguments.new_tokens,
        "pairs": [(pair.instruction, pair.response) for pair in pairs[: arguments.peer_pairs]],
    }
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "spec.json"
        file.write_text(json.dumps(spec | {"model": str(transformers_4(path, Path(folder) / "model"))}))
        command = [arguments.distilabel, str(CHILD), str(file)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    if done.returncode or not lines:
        raise SystemExit(f"distilabel failed:\n{done.stderr[-4000:]}")
    found = dict(json.loads(lines[-1].removeprefix("RESULT ")))
    clock = Clock(found.pop("wall_s"), found.pop("cpu_s"))
    return clock.rates(pairs=found.pop("pairs")) | {"dtype": dtype} | found


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """All contestants in all rounds."""
    model = ModelSettings(name=arguments.model, device=arguments.device, dtype=arguments.dtype)
    folder = models.resolve(model)
    pairs = read_pairs(arguments.pairs, arguments.count, arguments.max_chars)
    engine = TransformersEngine(folder.path, folder.identity, model)
    loaded = engine._open()
    plain = AutoModelForCausalLM.from_pretrained(folder.path, dtype=torch.float32).to(loaded.device).eval()
    limit = Limit(loaded, pairs)
    results: dict[str, list[dict[str, Any]]] = {}
    for name in arguments.scorers:
        rate(name, arguments, pairs[:2], engine)
    for _ in range(arguments.rounds):
        done = {name: rate(name, arguments, pairs, engine) for name in arguments.scorers}
        done["limit"] = limit.run(loaded.network, loaded.device)
        done["limit-plain"] = limit.run(plain, loaded.device)
        if arguments.distilabel:
            done["distilabel"] = distilabel(arguments, folder.path, pairs, "float32")
        for name, row in done.items():
            results.setdefault(name, []).append(row)
            print(name, row, flush=True)
    settings = {**vars(arguments), "pairs": Path(arguments.pairs).name, "json": None}
    settings["distilabel"] = bool(arguments.distilabel)
    tokens = {"shared": limit.shared, "own_per_pair": rounded(limit.own / len(pairs))}
    whole = {"machine": machine(), "settings": settings, "tokens": tokens, "results": results}
    return whole | {"compared": compared(results)}


def compared(results: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """Each contestant's rate as a multiple of the others', by each clock, the best round of each."""
    found: dict[str, Any] = {}
    for clock in ("per_s", "per_cpu_s"):
        best = {name: max(row[f"pairs_{clock}"] for row in rows) for name, rows in results.items()}
        ours = [name for name in best if name not in ("limit", "limit-plain", "distilabel")]
        found[clock] = {
            name: {other: rounded(best[name] / best[other]) for other in best if other not in ours} for name in ours
        }
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", default="package:demo", help="any seed that humpback reads")
    parser.add_argument("--model", default="package:smollm2-135m-instruct")
    parser.add_argument("--scorers", nargs="+", default=["expected-rating", "rating"])
    parser.add_argument("--count", type=int, default=64, help="pairs that we rate")
    parser.add_argument("--peer-pairs", type=int, default=6, help="of these, the ones that distilabel rates")
    parser.add_argument("--new-tokens", type=int, default=128, help="longest reply; 128 is distilabel's default")
    parser.add_argument("--max-chars", type=int, default=1500)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--dtype", choices=("auto", "float32", "bfloat16"), default="auto")
    parser.add_argument("--distilabel", help="an interpreter that has distilabel 1.5.3")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    found = measure(arguments)
    write_json(arguments.json, found)
    print({key: value for key, value in found.items() if key not in ("results", "settings")})


if __name__ == "__main__":
    main()
