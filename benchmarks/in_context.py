"""Backtranslation in context beside a trained M_yx: how likely does each find the instructions that people wrote?

One small model reads held-out pairs: as it is (k = 0), with k pairs of the seed in rotation or by likeness, and
finetuned backwards on the same seed. Nats for each token of the instruction, the end of the turn included; lower is
better. With `--json` each figure is in the file as soon as it is there, and is not measured again.

    python benchmarks/in_context.py --pairs dolly15k.jsonl.gz --json in_context.json
"""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from speeds import Clock, Figures, Row, facts_of, flags, model_of, read_pairs, rounded

from humpback import models
from humpback.augment import Examples
from humpback.config import ExampleSettings, TagSettings, TrainSettings
from humpback.engines.transformers import TransformersEngine
from humpback.prompts import backward_messages
from humpback.records import LikelihoodRequest, Pair, Segment
from humpback.statistics.intervals import bootstrap_mean
from humpback.training.train import finetune

M_YX = "M_yx, trained on the seed"


def read(folder: Path, model: Any, heldout: list[Pair], examples: Examples | None) -> Row:
    """Nats a token on each held-out pair."""
    clock = Clock()
    requests: dict[tuple[Pair, ...], list[LikelihoodRequest]] = {}
    for pair in heldout:
        shown = examples.of(Segment(pair.id, "", "", (), pair.response, "en")) if examples else ()
        request = LikelihoodRequest(pair.id, backward_messages(pair.response, shown), (pair.instruction,), ends=True)
        requests.setdefault(shown, []).append(request)
    engine = TransformersEngine(folder, "", model)
    with clock.running():  # by sets, each of which is then read once
        answers = {answer.id: answer for some in requests.values() for answer in engine.loglikelihood(some)}
    engine.close()
    readings = [answers[pair.id] for pair in heldout]
    nats = [-one.log_probabilities[0] / one.tokens[0] for one in readings]
    read_tokens = sum(one.prompt_tokens for one in readings) / len(readings)
    return {"nats": [rounded(value) for value in nats], "prompt_tokens": rounded(read_tokens)} | clock.rates()


def trained(arguments: Any, model: Any, seed_pairs: list[Pair], heldout: list[Pair]) -> Row:
    """M_yx, finetuned and read."""
    settings = TrainSettings(
        method="lora", epochs=arguments.epochs, learning_rate=7e-4, final_learning_rate=7e-5, batch_size=8,
        micro_batch_size=4, dropout=0.0,
    )  # fmt: skip
    clock = Clock()
    with tempfile.TemporaryDirectory() as folder:
        out, work = Path(folder) / "m-yx", Path(folder) / "work"
        out.mkdir()
        with clock.running():
            finetune(
                seed_pairs, base=models.resolve(model).path, direction="backward", model=model, settings=settings,
                tags=TagSettings(), seed=0, out=out, work=work,
            )  # fmt: skip
        return read(out, model, heldout, None) | {"training": clock.rates()}


def compared(rows: dict[str, list[Row]]) -> dict[str, Any]:
    """Each mean, and what lies between it and M_yx's, with a 95 % interval over the pairs."""
    means: dict[str, Any] = {}
    for name, (row, *_) in rows.items():
        means[name] = {"mean": rounded(sum(row["nats"]) / len(row["nats"]))}
        if M_YX in rows and name != M_YX:
            gaps = [one - other for one, other in zip(row["nats"], rows[M_YX][0]["nats"], strict=True)]
            interval = bootstrap_mean(gaps, [str(index) for index in range(len(gaps))], 0)
            means[name]["more_than_m_yx"] = rounded(sum(gaps) / len(gaps))
            means[name]["interval"] = [rounded(interval.low), rounded(interval.high)]
    return {"nats_per_token": means}


def main() -> None:
    parser = flags(__doc__, 120, ("cpu", "auto", "cuda"))
    parser.add_argument("--seed-pairs", type=int, default=64)
    parser.add_argument("--epochs", type=float, default=3.0, help="of M_yx")
    parser.add_argument("--sets", type=int, default=8, help="sets of examples that rotate")
    parser.add_argument("--counts", type=int, nargs="+", default=[4, 1, 2, 8], help="examples shown in rotation")
    parser.add_argument("--likeness-counts", type=int, nargs="+", default=[4, 1, 2], help="and by likeness")
    arguments = parser.parse_args()
    model = model_of(arguments).model_copy(update={"max_tokens": 4096, "batch_tokens": 4096})
    pairs = read_pairs(arguments.pairs, arguments.count + arguments.seed_pairs, arguments.max_chars)
    heldout, seed_pairs = pairs[: arguments.count], pairs[arguments.count :]
    figures = Figures(arguments.json, facts_of(arguments, ("counts", "likeness_counts")), compared)
    base = models.resolve(model).path
    figures.measure("k = 0", 0, partial(read, base, model, heldout, None))
    figures.measure(M_YX, 0, partial(trained, arguments, model, seed_pairs, heldout))
    for by, counts in (("rotation", arguments.counts), ("likeness", arguments.likeness_counts)):
        for count in counts:
            examples = Examples(seed_pairs, ExampleSettings(count=count, by=by, sets=arguments.sets), 0)
            figures.measure(f"k = {count}, {by}", 0, partial(read, base, model, heldout, examples))
    print(figures.whole()["nats_per_token"])


if __name__ == "__main__":
    main()
