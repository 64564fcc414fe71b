"""The table of curator quality: how well each scorer tells good pairs from bad ones, for any models, on labelled pairs.

Three kinds of labels: replies to one prompt that people ranked; pairs that a large model graded; good pairs beside
twins with a planted fault (`humpback.curate.faults`), or with `--kinds` beside bad pairs of kinds that nothing is
fitted on (`planted/kinds`). Every pair is scored once by each model and scorer, in windows that are on the disk when
they are done: the same command goes on where it was stopped, and further scorers or models join the table later.

    python benchmarks/curation_quality.py --work scratch/ --json curation_quality.json \\
        --model package:smollm2-135m-instruct --model m-0 --scorers expected-rating length random \\
        --ranked oasst1_en_validation_replies.jsonl.gz \\
        --flagged alpagasus_alpaca_labels.jsonl.gz#claude_ge_4_5?in_random_sample dolly15k.jsonl.gz#chatgpt_ge_4_5 \\
        --good oasst1_en_validation_top.jsonl.gz dolly15k.jsonl.gz --seed dolly15k.jsonl.gz

A flagged file's name is followed by `#column`, and by `?column` where only rows with that one are to be taken. Pairs
are drawn from the far end of the order in which `seed.limit` draws with seed 0, so that a model trained on such a
sample has not seen them; the scorer `calibrated` looks at pairs from its near end. `stored-gain` and its like, and what
is made of them, want a backward model: `--backward m-yx`, read as self-augmentation reads (`augment.gain`). Candidates
have what their own M_yx kept. Those of one M_yx are ranked among themselves, as in a run.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, replace
from importlib import metadata
from pathlib import Path
from typing import Any

from labelled_sets import Item, LabelledSet, candidate_sets, faulty_set, flagged_set, kinds_set, pairs_of, ranked_set

from humpback.augment import read_by
from humpback.config import Config
from humpback.curate import Question, Ranks, RankScorer, Scorer, make_scorer
from humpback.curate.answer_probe import find_probe
from humpback.curate.calibration import calibrate
from humpback.curate.faults import UNSEEN
from humpback.curate.likelihood import LIKELIHOODS, LikelihoodScorer
from humpback.engines.base import Engine
from humpback.engines.open import open_engine
from humpback.evaluation.ranking import Figure, Judged, auroc, correlations, pairwise_accuracy
from humpback.method.settings_file import with_changes
from humpback.prompts import prompt_digest
from humpback.records import Candidate, Pair, Rating, SignScale, content_id
from humpback.statistics.intervals import bootstrap_mean

SIX = ("swapped", "tail-cut", "head-cut", "furniture", "shuffled", "repeated")
LABELS = Path(__file__).parent / "planted" / "candidate_labels.jsonl"
SUMS = {"six": SIX, "unseen": tuple(UNSEEN)}
"""Faults that are also counted together."""
SHOWN = ("pairwise", "flag", "six", "unseen", "mean", "worst")
"""Figures of a set that have a column. The interval of the mean is over kinds: what a further kind may bring."""
WINDOW = 32
NEAR = 400
"""Pairs at the near end of the order of drawing, of which `calibrated` draws its own."""
STEP = "ratings-1"


class Journal:
    """Scores on the disk, each window when it is done."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self.rows: dict[str, dict[str, Any]] = {}
        if path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                if line.endswith("}"):  # a last line may be cut short
                    self.rows |= {(row := json.loads(line))["key"]: row}

    def add(self, rows: Sequence[dict[str, Any]]) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            file.write("".join(json.dumps(row) + "\n" for row in rows))
            file.flush()
            os.fsync(file.fileno())
        self.rows |= {row["key"]: row for row in rows}


def scorer_of(engine: Engine, config: Config, good: Sequence[Pair], work: Path) -> Scorer:
    """The scorer that the settings name; `calibrated` has a look at good pairs first, once for each model."""
    scales: list[SignScale] = []
    if config.curate.scorer == "calibrated":
        kept = work / f"calibration-{content_id(engine.model, config.curate.model_dump_json(), prompt_digest())}.json"
        if not kept.exists():
            found = calibrate(good, engine, config.tags, config.curate, config.run.seed).kept
            kept.write_text(json.dumps([asdict(scale) for scale in found]), encoding="utf-8")
        scales = [SignScale(**row) for row in json.loads(kept.read_text(encoding="utf-8"))]
    probe = next(iter(find_probe(engine).kept)) if config.curate.scorer == "answer-probe" else None
    return make_scorer(config.curate, config.run.seed, 1, STEP, config.tags, scales, probe)


def score(
    engine: Engine, config: Config, scorer: Scorer, pairs: Sequence[Candidate], journal: Journal
) -> dict[str, dict[str, Any]]:
    """State and score of every pair, by its id; only what is not in the journal is scored."""
    wanted = config.curate.model_dump_json(exclude={"select", "questions", "ensemble"}, exclude_defaults=True)
    how = content_id(engine.model, wanted, prompt_digest())
    # What another likelihood scorer has read is not asked for again, as in a run.
    known = [
        Rating(row["pair"], 1, row["scorer"], engine.model, "scored", row["score"], row["reply"], "stop")
        for row in journal.rows.values()
        if row.get("model") == engine.model and row["score"] is not None and row["scorer"] in LIKELIHOODS
    ]

    def rate(window: list[Candidate]) -> list[dict[str, Any]]:
        if isinstance(scorer, LikelihoodScorer):
            ids = {one.id for one in window}
            outcome = scorer.score_after((one for one in known if one.id in ids), window, lambda: engine)
        else:
            outcome = scorer.score(window, engine)
        return [
            {"id": one.id, "state": one.state, "score": one.score, "reply": one.reply[:300], "scorer": scorer.name}
            | {"pair": one.id, "model": engine.model, "read": outcome.usage.read / len(window)}
            for one in outcome.kept
        ]

    return in_windows(scorer.name, how, pairs, rate, journal)


def with_stored(pairs: Sequence[Pair | Candidate], engine: Engine, journal: Journal) -> list[Candidate]:
    """All as candidates: what M_yx would have kept of those that it did not write."""

    def read(window: list[Candidate]) -> list[dict[str, Any]]:
        found, usage = read_by(window, engine)
        return [
            {"id": one.id, "log_probability": one.log_probability, "gain": one.gain, "read": usage.read / len(window)}
            for one in found
        ]

    unwritten = [candidate(pair) for pair in pairs if not isinstance(pair, Candidate)]
    rows = in_windows("M_yx", content_id(engine.model, prompt_digest()), unwritten, read, journal)

    def stored(pair: Pair) -> Candidate:
        row = rows[pair.id]
        return replace(candidate(pair), log_probability=row["log_probability"], gain=row["gain"])

    return [pair if isinstance(pair, Candidate) else stored(pair) for pair in pairs]


def in_windows(
    name: str,
    how: str,
    pairs: Sequence[Candidate],
    work: Callable[[list[Candidate]], list[dict[str, Any]]],
    journal: Journal,
) -> dict[str, dict[str, Any]]:
    """A row for every pair, by its id; only what is not in the journal is worked on."""
    keys = {pair.id: content_id(how, pair.id) for pair in pairs}
    missing = sorted((pair for pair in pairs if keys[pair.id] not in journal.rows), key=lambda p: len(p.response))
    for start in range(0, len(missing), WINDOW):
        window = missing[start : start + WINDOW]
        begun = time.perf_counter()
        rows = work(window)
        seconds = (time.perf_counter() - begun) / len(window)
        journal.add([{"key": keys[row.pop("id")], "seconds": seconds} | row for row in rows])
        print(f"  {name}: {start + len(window)} of {len(missing)}, {1 / seconds:.2f} pairs/s", flush=True)
    return {id_: journal.rows[key] for id_, key in keys.items()}


def by_ranks(
    engine: Engine,
    config: Config,
    good: Sequence[Pair],
    runs: Sequence[Sequence[Candidate]],
    journal: Journal,
    work: Path,
) -> dict[str, dict[str, Any]]:
    """State and score of every pair by its ranks among those of its run; what each scorer costs is added up."""
    members = {}
    for name in config.curate.first:
        alone = with_changes(config, [f"curate.scorer={name}"])
        pairs = [pair for run in runs for pair in run]
        members[name] = score(engine, alone, scorer_of(engine, alone, good, work), pairs, journal)
    found: dict[str, dict[str, Any]] = {}
    groups = config.curate.groups
    for run in runs:
        columns = {name: [rows[pair.id]["score"] for pair in run] for name, rows in members.items()}
        ranks = {name: Ranks(column) for name, column in columns.items()}
        several = columns if len(groups) > 1 else None
        questions = [Question(name, group, ranks, several) for name, group in groups.items()]
        rated = [
            [Rating(pair.id, 1, name, "", rows[pair.id]["state"], rows[pair.id]["score"], "", "stop") for pair in run]
            for name, rows in members.items()
        ]
        for one in RankScorer(config.curate.scorer, 1, questions).rate(run, rated).kept:
            costs = {key: sum(rows[one.id][key] for rows in members.values()) for key in ("seconds", "read")}
            found[one.id] = {"state": one.state, "score": one.score} | costs
    return found


def within_runs(one: LabelledSet, scores: dict[str, dict[str, Any]]) -> dict[str, float | None]:
    """The score of each item, or its rank among those of its run where a set has several: no curator compares them."""
    values = {item.pair.id: scores[item.pair.id]["score"] for item in one.items}
    runs = {item.run: [other.pair.id for other in one.items if other.run == item.run] for item in one.items}
    if len(runs) == 1:
        return values
    found: dict[str, float | None] = {}
    for ids in runs.values():
        ranks = Ranks(values[id_] for id_ in ids)
        found |= {id_: None if (value := values[id_]) is None else ranks.share(value) for id_ in ids}
    return found


def candidate(pair: Pair | Candidate) -> Candidate:
    if isinstance(pair, Candidate):
        return pair
    return Candidate(pair.id, "", "", pair.source, (), pair.instruction, pair.response, "", 0.0)


def measured(one: LabelledSet, scores: dict[str, dict[str, Any]]) -> dict[str, Figure]:
    """The figures of one scorer on one set."""
    values = within_runs(one, scores)
    rows = [
        (Judged(item.pair.id, values[item.pair.id], item.label, item.good, item.group), item.fault)
        for item in one.items
    ]
    everything = [row for row, _ in rows]
    if one.kind == "ranks":
        return {"pairwise": pairwise_accuracy(everything)}
    if one.kind == "flag":
        return {"flag": auroc(everything)}
    kinds = tuple(dict.fromkeys(fault for _, fault in rows if fault))
    sums = {name: faults for name, faults in SUMS.items() if set(faults) <= set(kinds)} | {"all": kinds}
    sets = {kind: (kind,) for kind in kinds} | sums
    figures = {
        name: auroc([row for row, fault in rows if not fault or fault in faults]) for name, faults in sets.items()
    }
    values = [figures[kind].value for kind in kinds]
    worst = kinds[values.index(min(values))]
    figures["mean"] = Figure("mean", sum(values) / len(values), bootstrap_mean(values, kinds, 0), len(kinds))
    figures["worst"] = replace(figures[worst], name=worst)
    if "six" in sums:
        figures["twins"] = pairwise_accuracy([row for row, fault in rows if not fault or fault in SIX])
    return figures


def with_length(items: Sequence[Item], scores: dict[str, dict[str, Any]]) -> Figure:
    """How far a score only counts characters, on pairs without planted faults."""
    rows = {
        item.pair.id: Judged(item.pair.id, scores[item.pair.id]["score"], len(item.pair.response), None, item.group)
        for item in items
        if not item.fault
    }
    return correlations(list(rows.values()))[0]


def results(arguments: argparse.Namespace, sets: Sequence[LabelledSet]) -> Iterator[dict[str, Any]]:
    """One after another what each model's scorers are worth."""
    items = [item for one in sets for item in one.items]
    labelled = list({item.pair.id: item.pair for item in items}.values())
    journal = Journal(arguments.work / "scores.jsonl")
    good = [pair for pair, _ in pairs_of(arguments.seed, arguments.max_chars)][-NEAR:] if arguments.seed else []
    for name in arguments.model:
        base = with_changes(Config.model_validate({"model": {"name": name}}), arguments.set)
        with ExitStack() as opened:
            engine = opened.enter_context(open_engine(base.model))
            pairs = list(map(candidate, labelled))
            if arguments.backward:
                settings = base.model.model_copy(update={"name": arguments.backward})
                pairs = with_stored(labelled, opened.enter_context(open_engine(settings)), journal)
            by_id = {pair.id: pair for pair in pairs}
            runs: dict[tuple[str, str], list[Candidate]] = {}
            for name_of_set, item in ((one.name, item) for one in sets for item in one.items):
                runs.setdefault((name_of_set, item.run), []).append(by_id[item.pair.id])
            for scorer in arguments.scorers:
                config = with_changes(base, [f"curate.scorer={scorer}"])
                print(f"{name} {scorer}", flush=True)
                if config.curate.groups:
                    scores = by_ranks(engine, config, good, list(runs.values()), journal, arguments.work)
                else:
                    scores = score(engine, config, scorer_of(engine, config, good, arguments.work), pairs, journal)
                figures = {one.name: measured(one, scores) for one in sets}
                seconds = sum(row["seconds"] for row in scores.values())
                yield {
                    "model": Path(name).name.removeprefix("package:"),
                    "scorer": scorer,
                    "settings": arguments.set,
                    "states": dict(Counter(row["state"] for row in scores.values())),
                    "pairs_per_second": len(scores) / seconds if seconds else None,
                    "tokens_per_pair": sum(row["read"] for row in scores.values()) / len(scores),
                    "length": asdict(with_length(items, scores)),
                    "sets": {name: {k: asdict(f) for k, f in found.items()} for name, found in figures.items()},
                }


def table(found: Sequence[dict[str, Any]], sets: Sequence[LabelledSet]) -> Iterator[str]:
    """Scorer against set, with intervals; then fault against scorer."""
    columns = [(one, key) for one in sets for key in SHOWN if key in found[0]["sets"][one.name]]
    yield "| model | scorer | " + " | ".join(f"{one.name}, {key}" for one, key in columns) + " | length |"
    yield "|---" * (len(columns) + 3) + "|"
    for row in found:
        cells = [shown(row["sets"][one.name][key]) for one, key in columns]
        yield f"| {row['model']} | {row['scorer']} | {' | '.join(cells)} | {row['length']['value']:+.2f} |"
    yield ""
    for one in (one for one in sets if one.kind == "faults"):
        yield f"| {one.name} | " + " | ".join(f"{row['model']} {row['scorer']}" for row in found) + " |"
        yield "|---" * (len(found) + 1) + "|"
        for kind in found[0]["sets"][one.name]:
            yield f"| {kind} | " + " | ".join(bare(row["sets"][one.name][kind]["value"]) for row in found) + " |"
        yield ""


def shown(figure: dict[str, Any]) -> str:
    low, high = figure["interval"]["low"], figure["interval"]["high"]
    return f"{bare(figure['value'])} ({bare(low)} to {bare(high)})"


def bare(value: float) -> str:
    return f"{value:.2f}".removeprefix("0")


def machine() -> dict[str, Any]:
    versions = {name: metadata.version(name) for name in ("torch", "transformers")}
    return {"processor": platform.machine(), "cores": os.cpu_count(), "python": platform.python_version(), **versions}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", action="append", required=True, help="a folder or a package; repeatable")
    parser.add_argument("--scorers", nargs="+", default=["expected-rating", "length", "random"])
    parser.add_argument("--ranked", type=Path, nargs="*", default=[], help="replies with human ranks")
    parser.add_argument("--flagged", nargs="*", default=[], metavar="FILE#COLUMN[?COLUMN]")
    parser.add_argument("--good", type=Path, nargs="*", default=[], help="good pairs, to plant faults in")
    parser.add_argument("--kinds", type=Path, help="good pairs beside the passages and bad pairs of planted/kinds")
    parser.add_argument("--each", type=int, default=50, help="bad pairs of each of these kinds, at most")
    parser.add_argument("--candidates", type=Path, help="segments by labelled_segments.sh, to meet their labels")
    parser.add_argument("--seed", type=Path, help="good pairs for the scorer calibrated")
    parser.add_argument("--backward", help="M_yx, for what self-augmentation stores of a pair")
    parser.add_argument("--prompts", type=int, default=60, help="prompts of each ranked set")
    parser.add_argument("--flags", type=int, default=100, help="pairs of each flagged set, half of them good")
    parser.add_argument("--pairs", type=int, default=40, help="good pairs of each set with faults; each has 13 twins")
    parser.add_argument("--max-chars", type=int, default=1200, help="longest instruction and response together")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting")
    parser.add_argument("--work", type=Path, required=True, help="folder for scores")
    parser.add_argument("--json", type=Path, help="file for the figures")
    arguments = parser.parse_args()
    sets = [ranked_set(path, arguments.prompts, arguments.max_chars) for path in arguments.ranked]
    sets += [flagged_set(name, arguments.flags, arguments.max_chars) for name in arguments.flagged]
    sets += [faulty_set(path, arguments.pairs, arguments.max_chars) for path in arguments.good]
    sets += [kinds_set(arguments.kinds, arguments.max_chars, arguments.each)] if arguments.kinds else []
    sets += candidate_sets(arguments.candidates, LABELS) if arguments.candidates else []
    for one in sets:
        print(f"{one.name}: {len(one.items)} pairs ({one.kind})", flush=True)
    found = list(results(arguments, sets))
    print("\n".join(table(found, sets)))
    if arguments.json:
        sizes = {one.name: {"kind": one.kind, "pairs": len(one.items)} for one in sets}
        text = json.dumps({"machine": machine(), "sets": sizes, "results": found}, indent=1)
        arguments.json.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
