"""Pairs rated in a second: ours, a bare forward pass over the same tokens, and distilabel on the same model.

`limit` is what `expected-rating` cannot beat: one forward pass over the tokens that the prompts do not share, in the
same batches, with nothing around it, by the network as it is loaded here; `limit-plain` by the network as transformers
loads it, in float32. Contestants run one after the other, in rounds, and the limit anew behind each of our scorers: a
machine that changes its speed changes both. `calibrated` looks at other pairs of the same file first; what that takes
is told apart, as `calibration`. `calibrated+grade` asks for a grade in the same pass (`curate.follow_up`). distilabel
runs in a process and an environment of its own:

    python -m venv peer && peer/bin/pip install -U pip && peer/bin/pip install torch==2.13.0
    peer/bin/pip install distilabel==1.5.3 'transformers<5'
    python benchmarks/curation_speed.py --pairs dolly15k.jsonl.gz --distilabel peer/bin/python --json speed.json

`compared` holds each scorer's rate as a multiple of the others', and its cost as a multiple of `expected-rating`'s.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from collections import Counter
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import torch
from bare_pass import BarePass
from speeds import Clock, Figures, Row, facts_of, flags, model_of, read_pairs, rounded, times, transformers_4
from transformers import AutoModelForCausalLM

from humpback import models
from humpback.config import SCORERS, CurateSettings, TagSettings
from humpback.curate import Scorer, make_scorer
from humpback.curate.answer_probe import find_probe
from humpback.curate.calibration import calibrate
from humpback.curate.likelihood import LikelihoodScorer
from humpback.engines.transformers import TransformersEngine
from humpback.records import Candidate, Pair, Rating, SignScale, Usage

CHILD = Path(__file__).parent / "peers" / "distilabel_ratings.py"
OTHERS = 400
"""Further pairs of the file, of which `calibrated` draws the ones that it looks at."""


def candidates_of(pairs: list[Pair]) -> list[Candidate]:
    """Pairs as candidates."""
    return [
        Candidate(pair.id, pair.id, pair.id, pair.source, (), pair.instruction, pair.response, "people", -1.0)
        for pair in pairs
    ]


def settings_of(name: str, **more: int) -> CurateSettings:
    """Of a scorer, which `+grade` lets ask for a grade in the same pass."""
    scorer, _, asked = name.partition("+")
    return CurateSettings.model_validate({"scorer": scorer, "follow_up": asked == "grade", **more})


def calibration_of(name: str) -> str:
    return name.replace("calibrated", "calibration")


def calibration(name: str, pairs: list[Pair], engine: TransformersEngine, count: int) -> Row:
    """The signs' scales, and what finding them took."""
    clock = Clock()
    with clock.running():
        scales = calibrate(pairs, engine, TagSettings(), settings_of(name, calibration_pairs=count), 0).kept
    read = scales[0].good + scales[0].faulty
    return clock.rates(pairs=read) | {"scales": [asdict(scale) for scale in scales]}


def scorers_of(name: str, new_tokens: int, figures: Figures, engine: TransformersEngine) -> list[Scorer]:
    """One of ours, ready to rate; of one that ranks, its members. A probe is fitted here, once for all pairs."""
    looked = figures.rows.get(calibration_of(name), ()) if name.startswith("calibrated") else ()
    scales = [SignScale(**row) for found in looked for row in found["scales"]]
    settings = settings_of(name, max_new_tokens=new_tokens)
    each = [settings.model_copy(update={"scorer": member}) for member in settings.first] or [settings]
    probe = next(iter(find_probe(engine).kept)) if any(one.scorer == "answer-probe" for one in each) else None
    return [make_scorer(one, 0, 1, "ratings-1", TagSettings(), scales, probe) for one in each]


def rate(scorers: list[Scorer], pairs: list[Pair], engine: TransformersEngine) -> Row:
    """One of our scorers on all pairs; as in a run, a member asks for nothing that an earlier one has read."""
    clock, candidates = Clock(), candidates_of(pairs)
    rated: list[Rating] = []
    usage = Usage()
    with clock.running():
        for scorer in scorers:
            if isinstance(scorer, LikelihoodScorer):
                outcome = scorer.score_after(rated, candidates, lambda: engine)
            else:
                outcome = scorer.score(candidates, engine)
            rated += outcome.kept
            usage += outcome.usage
    scored = sum(rating.score is not None for rating in outcome.kept)
    counts = {"scored_share": rounded(scored / len(pairs)), "states": Counter(one.state for one in outcome.kept)}
    return clock.rates(pairs=len(pairs)) | counts | {"read": usage.read, "written": usage.written}


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
    count = found.pop("pairs")
    return clock.rates(pairs=count) | {"scored_share": rounded(found["parsed"] / count), "dtype": dtype} | found


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """All contestants in all rounds."""
    model = model_of(arguments)
    folder = models.resolve(model)
    pairs = read_pairs(arguments.pairs, arguments.count + OTHERS, arguments.max_chars)
    pairs, others = pairs[: arguments.count], pairs[arguments.count :]
    engine = TransformersEngine(folder.path, folder.identity, model)
    loaded = engine._open_model()
    limit = BarePass(loaded, pairs)
    tokens = {"shared": limit.shared, "own_per_pair": rounded(limit.tokens / len(pairs))}
    facts = facts_of(arguments, ("distilabel", "scorers", "limits")) | {"tokens": tokens}
    figures = Figures(arguments.json, facts, compared)
    for name in (name for name in arguments.scorers if name.startswith("calibrated")):
        look = partial(calibration, name, others, engine, arguments.calibration_pairs)
        figures.measure(calibration_of(name), 0, look)
    scorers = {name: scorers_of(name, arguments.new_tokens, figures, engine) for name in arguments.scorers}
    for name, members in scorers.items():
        if figures.missing(name, arguments.rounds - 1):  # a first call pays for what is made once
            rate(members, pairs[:2], engine)
    if arguments.limits:
        plain = AutoModelForCausalLM.from_pretrained(folder.path, dtype=torch.float32).to(loaded.device).eval()
    for turn in range(arguments.rounds):
        for name, members in scorers.items():
            figures.measure(name, turn, partial(rate, members, pairs, engine))
            if arguments.limits:
                figures.measure(f"limit behind {name}", turn, partial(limit.run, loaded.network))
        if arguments.limits:
            figures.measure("limit-plain", turn, partial(limit.run, plain))
        if arguments.distilabel:
            figures.measure("distilabel", turn, partial(distilabel, arguments, folder.path, pairs, "float32"))
    return figures.whole()


def compared(rows: dict[str, list[Row]]) -> dict[str, Any]:
    """Our scorers beside the limits and distilabel, and what each costs beside `expected-rating`."""
    ours = [name for name in rows if name in SCORERS or name == "calibrated+grade"]
    found: dict[str, Any] = {}
    for name in ours:
        others = {"limit": f"limit behind {name}", "limit-plain": "limit-plain", "distilabel": "distilabel"}
        found[name] = {short: times(rows[name], rows[long], "pairs") for short, long in others.items() if long in rows}
        if "expected-rating" in ours:
            found[name]["cost_of_expected_rating"] = times(rows["expected-rating"], rows[name], "pairs")
    shares = {name: found[-1]["scored_share"] for name, found in rows.items() if "scored_share" in found[-1]}
    return {"compared": found, "scored_share": shares}


def main() -> None:
    parser = flags(__doc__, 64)
    parser.set_defaults(new_tokens=128)  # distilabel's own bound
    parser.add_argument("--scorers", nargs="+", default=["expected-rating", "calibrated", "rating"])
    parser.add_argument("--limits", action=argparse.BooleanOptionalAction, default=True, help="the bare passes too")
    parser.add_argument("--calibration-pairs", type=int, default=CurateSettings().calibration_pairs)
    parser.add_argument("--peer-pairs", type=int, default=6, help="of the pairs, the ones that distilabel rates")
    parser.add_argument("--distilabel", help="an interpreter that has distilabel 1.5.3")
    found = measure(parser.parse_args())
    print({key: value for key, value in found.items() if key not in ("results", "settings")})


if __name__ == "__main__":
    main()
