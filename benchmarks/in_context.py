"""Backtranslation in context beside a trained M_yx: how likely does each find the instructions that people wrote?

One small model reads held-out pairs: as it is (k = 0), with k pairs of the seed in rotation or by likeness, and
finetuned backwards on the same seed. Nats for each token of the instruction, the end of the turn included; lower is
better. With `--recovered` each writes an instruction for the held-out responses too, as a run would (checks included),
and M_0, trained on the seed, reads the responses behind them: how much of what the people's instructions bring over
another pair's is recovered. With `--json` each figure is in the file as soon as it is there, and is not measured again.

    python benchmarks/in_context.py --pairs dolly15k.jsonl.gz --json in_context.json
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from speeds import Clock, Figures, Row, facts_of, flags, model_of, read_pairs, rounded

from humpback import models
from humpback.augment import Examples, instruct
from humpback.config import AugmentSettings, ExampleSettings, TagSettings, TrainSettings
from humpback.engines.transformers import TransformersEngine
from humpback.prompts import answer_request, backward_messages
from humpback.records import Direction, Pair, Segment
from humpback.requests import LikelihoodRequest
from humpback.statistics.intervals import bootstrap_mean
from humpback.training.train import finetune

M_YX = "M_yx, trained on the seed"
M_0 = "M_0, which reads what each has written"


def read(folder: Path, model: Any, heldout: list[Pair], examples: Examples | None, *, writes: bool) -> Row:
    """Nats a token on each held-out pair, and an instruction written for each response that has a valid one."""
    clock = Clock()
    requests: dict[tuple[Pair, ...], list[LikelihoodRequest]] = {}
    for pair in heldout:
        shown = examples.of(*_segments([pair])) if examples else ()
        request = LikelihoodRequest(pair.id, backward_messages(pair.response, shown), (pair.instruction,), ends=True)
        requests.setdefault(shown, []).append(request)
    engine = TransformersEngine(folder, "", model)
    with clock.running():  # by sets, each of which is then read once
        answers = {answer.id: answer for some in requests.values() for answer in engine.loglikelihood(some)}
    written = instruct(_segments(heldout), engine, AugmentSettings(gain=False), 0, "", examples).kept if writes else ()
    engine.close()
    readings = [answers[pair.id] for pair in heldout]
    nats = [-one.log_probabilities[0] / one.tokens[0] for one in readings]
    read_tokens = sum(one.prompt_tokens for one in readings) / len(readings)
    instructions = {"written": {row.segment_id: row.instruction for row in written}} if writes else {}
    row = {"nats": [rounded(value) for value in nats], "prompt_tokens": rounded(read_tokens)}
    return row | instructions | clock.rates()


def _segments(pairs: list[Pair]) -> list[Segment]:
    return [Segment(pair.id, "", "", (), pair.response, "en") for pair in pairs]


def trained(
    arguments: Any, model: Any, seed_pairs: list[Pair], direction: Direction, use: Callable[[Path], Row]
) -> Row:
    """M_yx or M_0, finetuned and used."""
    settings = TrainSettings(
        method="lora", epochs=arguments.epochs, learning_rate=7e-4, final_learning_rate=7e-5, batch_size=8,
        micro_batch_size=4, dropout=0.0,
    )  # fmt: skip
    clock = Clock()
    with tempfile.TemporaryDirectory() as folder:
        out, work = Path(folder) / "model", Path(folder) / "work"
        out.mkdir()
        with clock.running():
            finetune(
                seed_pairs, base=models.resolve(model).path, direction=direction, model=model, settings=settings,
                tags=TagSettings(), seed=0, model_folder=out, work=work,
            )  # fmt: skip
        return use(out) | {"training": clock.rates()}


def behind(rows: dict[str, list[Row]], model: Any, heldout: list[Pair], m_0: Path) -> Row:
    """Nats a token of each response under M_0, by who wrote the instruction in front of it."""
    people = {pair.id: pair.instruction for pair in heldout}
    others = dict(zip(people, [*people.values()][1:] + [*people.values()][:1], strict=True))
    written = {name: row["written"] for name, (row, *_) in rows.items() if "written" in row}
    engine = TransformersEngine(m_0, "", model)
    losses: dict[str, dict[str, float]] = {}
    for name, instructions in {"people": people, "another pair's": others, **written}.items():
        requests = [
            answer_request(pair.id, instructions[pair.id], pair.response, TagSettings())
            for pair in heldout
            if pair.id in instructions
        ]
        read = {answer.id: answer.spans[0] for answer in engine.loglikelihood(requests)}
        losses[name] = {id_: rounded(-span.log_probability / span.tokens) for id_, span in read.items()}
    engine.close()
    return {"losses": losses}


def recovered(losses: dict[str, dict[str, float]]) -> dict[str, Any]:
    """Of what people's instructions gain over another pair's, the part that each writer's do, on all it wrote for."""
    people, others = losses["people"], losses["another pair's"]
    found: dict[str, Any] = {}
    for name in losses.keys() - {"people", "another pair's"}:
        ids = sorted(losses[name])
        gains = np.array([[others[id_] - losses[name][id_], others[id_] - people[id_]] for id_ in ids])
        draws = np.random.default_rng(0).integers(len(ids), size=(2000, len(ids)))
        ratios = np.divide(*gains[draws].mean(axis=1).T)
        low, high = np.quantile(ratios, [0.025, 0.975])
        share = gains[:, 0].mean() / gains[:, 1].mean()
        found[name] = {"wrote_for": len(ids), "recovered": rounded(share), "interval": [rounded(low), rounded(high)]}
    return found


def compared(rows: dict[str, list[Row]]) -> dict[str, Any]:
    """Each mean, and what lies between it and M_yx's, with a 95 % interval over the pairs."""
    means: dict[str, Any] = {}
    read = {name: row for name, (row, *_) in rows.items() if "nats" in row}
    for name, row in read.items():
        means[name] = {"mean": rounded(sum(row["nats"]) / len(row["nats"]))}
        if M_YX in read and name != M_YX:
            gaps = [one - other for one, other in zip(row["nats"], read[M_YX]["nats"], strict=True)]
            interval = bootstrap_mean(gaps, [str(index) for index in range(len(gaps))], 0)
            means[name]["more_than_m_yx"] = rounded(sum(gaps) / len(gaps))
            means[name]["interval"] = [rounded(interval.low), rounded(interval.high)]
    gain = {"recovered": recovered(rows[M_0][0]["losses"])} if M_0 in rows else {}
    return {"nats_per_token": means} | gain


def main() -> None:
    parser = flags(__doc__, 120, ("cpu", "auto", "cuda"))
    parser.add_argument("--seed-pairs", type=int, default=64)
    parser.add_argument("--epochs", type=float, default=3.0, help="of M_yx")
    parser.add_argument("--sets", type=int, default=8, help="sets of examples that rotate")
    parser.add_argument("--counts", type=int, nargs="+", default=[4, 1, 2, 8], help="examples shown in rotation")
    parser.add_argument("--likeness-counts", type=int, nargs="+", default=[4, 1, 2], help="and by likeness")
    parser.add_argument("--recovered", action="store_true", help="what M_0 gains by the instructions of each writer")
    arguments = parser.parse_args()
    model = model_of(arguments).model_copy(update={"max_tokens": 4096, "batch_tokens": 4096})
    pairs = read_pairs(arguments.pairs, arguments.count + arguments.seed_pairs, arguments.max_chars)
    heldout, seed_pairs = pairs[: arguments.count], pairs[arguments.count :]
    figures = Figures(arguments.json, facts_of(arguments, ("counts", "likeness_counts")), compared)
    base = models.resolve(model).path
    use = partial(read, model=model, heldout=heldout, writes=arguments.recovered)
    figures.measure("k = 0", 0, partial(use, base, examples=None))
    m_yx = partial(use, examples=None)
    figures.measure(M_YX, 0, partial(trained, arguments, model, seed_pairs, "backward", m_yx))
    for by, counts in (("rotation", arguments.counts), ("likeness", arguments.likeness_counts)):
        for count in counts:
            examples = Examples(seed_pairs, ExampleSettings(count=count, by=by, sets=arguments.sets), 0)
            figures.measure(f"k = {count}, {by}", 0, partial(use, base, examples=examples))
    if arguments.recovered:
        m_0 = partial(behind, figures.rows, model, heldout)
        figures.measure(M_0, 0, partial(trained, arguments, model, seed_pairs, "forward", m_0))
    print({name: figures.whole().get(name) for name in ("nats_per_token", "recovered")})


if __name__ == "__main__":
    main()
