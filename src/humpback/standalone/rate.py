"""`humpback rate` and `humpback select`: anybody's pairs rated by a model, and the best of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import MISSING, fields
from itertools import chain
from pathlib import Path

from humpback.config import SCORERS, Config
from humpback.config.flat import flat_settings
from humpback.curate.findings import low_signs
from humpback.data_access.rows import file_rows, input_digest
from humpback.errors import ConfigError, InputError
from humpback.method.auto import resolve_auto
from humpback.method.corpus import read_seed
from humpback.method.external import identities
from humpback.method.loop import select
from humpback.method.rating import rate
from humpback.prompts import prompt_digest
from humpback.reasons import in_words
from humpback.records import Candidate, Curated, Dropped, Outcome, Rating
from humpback.runs.stage import ExternalModel, Inputs, MapShards, Stage
from humpback.runs.store import Run
from humpback.standalone.finetune import without_holdout
from humpback.standalone.tables import candidates_stage, check_endings, read_candidates, write_records
from humpback.standalone.work import Command, How, carry_out, spent_lines

_DEFAULT = How()


def rate_files(
    pairs: Path, config: Config, out: Path, dropped: Path | None = None, backward: str = "", how: How = _DEFAULT
) -> list[str]:
    """Lets a model rate pairs; lines of counts and states.

    Args:
        pairs: File with instruction and response, and what else a run's candidates have.
        config: The settings; `model` is the model that rates.
        out: File for the ratings: .jsonl or .parquet.
        dropped: File for what is no pair, and why.
        backward: M_yx, for `stored-gain` of pairs that no M_yx has written the instruction of.
        how: How the command is carried out.

    Raises:
        ConfigError: A setting is wrong, or no scorer would use the backward model.
    """
    check_endings(out, dropped)
    config = _with_scorer(config)
    needs = {SCORERS[scorer].needs for scorer in (config.curate.scorer, *config.curate.first)}
    if backward and "stored-gain" not in needs:
        raise ConfigError("a backward model is read by the scorer stored-gain alone", "leave --backward out")
    read = candidates_stage(pairs, config)
    plan = [read]
    if backward:
        backward_settings = config.model.model_copy(update={"name": backward})
        plan.append(_gains(config, read, ExternalModel("backward", backward_settings)))
    seed = [read_seed(without_holdout(config))] if needs & {"calibration", "direction"} else []
    by = ExternalModel("rater", config.model)
    plan += seed
    plan += rate(without_holdout(config), 1, plan[1 if backward else 0], seed[0] if seed else read, by)

    def write(run: Run) -> list[str]:
        ratings = run.stage(plan[-1].name)
        line = write_records(out, Rating, ratings.records(Rating), dropped, run.stage(read.name).dropped())
        states = Counter(ratings.column("state"))
        return [f"{line} ({', '.join(f'{count} {state}' for state, count in states.items())})", *spent_lines(run)]

    writes = (out, dropped) if dropped else (out,)
    return carry_out(Command(plan, config, out, write, writes, (pairs,)), how)


def select_files(
    pairs: Path, ratings: Path, config: Config, out: Path, dropped: Path | None = None, how: How = _DEFAULT
) -> list[str]:
    """Keeps the best-rated pairs; lines of counts.

    Args:
        pairs: The pairs that were rated.
        ratings: What `rate` wrote.
        config: The settings.
        out: File for the curated pairs: .jsonl or .parquet.
        dropped: File for what was left out, and why.
        how: How the command is carried out.
    """
    check_endings(out, dropped)
    by_id = {rating.id: rating for rating in read_ratings(ratings)}

    def rated() -> Iterator[Candidate | Dropped]:
        for pair in read_candidates(pairs, config):
            if isinstance(pair, Candidate) and pair.id not in by_id:
                yield Dropped(pair.id, "not rated", f"no rating in {ratings.name}", pair.source, pair.instruction)
            else:
                yield pair

    @contextmanager
    def opened(inputs: Inputs) -> Iterator[Callable[..., Outcome[Rating]]]:
        yield lambda shard: Outcome(tuple(by_id[pair.id] for pair in shard), (), len(shard))

    digests = {"ratings": input_digest(str(ratings))}
    read = candidates_stage(pairs, config, rated, digests)
    join = Stage(
        "ratings", "join the ratings", (read.name,), digests, MapShards(((read.name, Candidate),), opened), Rating
    )
    choose = select(config, 1, read, join)

    def write(run: Run) -> list[str]:
        curated = run.stage(choose.name)
        ledger = chain(run.stage(read.name).dropped(), curated.dropped())
        signs = [low_signs(by_id[row.id])[:1] for row in curated.dropped() if row.id in by_id]
        worst = Counter(in_words(name) for first in signs for name, _ in first)
        listed = ", ".join(f"{count:,} {words}" for words, count in worst.most_common())
        line = write_records(out, Curated, curated.records(Curated), dropped, ledger)
        return [line, *([f"worst sign of those dropped: {listed}"] if listed else [])]

    writes = (out, dropped) if dropped else (out,)
    return carry_out(Command([read, join, choose], config, out, write, writes, (pairs, ratings)), how)


def read_ratings(path: Path) -> Iterator[Rating]:
    """What `rate` wrote.

    Raises:
        InputError: The file is none.
    """
    names = [field.name for field in fields(Rating) if field.default is MISSING]
    for number, row in file_rows(path):
        if missing := [name for name in names if name not in row]:
            raise InputError(f"{path} row {number} has no {', '.join(missing)}", "give what 'humpback rate' wrote")
        yield Rating(**{name: row[name] for name in names}, reasoning=str(row.get("reasoning") or ""))  # type: ignore[arg-type]


def _gains(config: Config, pairs: Stage, by: ExternalModel) -> Stage:
    """M_yx reads the pairs that have no stored gain, as it would have when it wrote them."""

    @contextmanager
    def opened(inputs: Inputs) -> Iterator[Callable[..., Outcome[Candidate]]]:
        from humpback.augment.gain import read_by

        with inputs.engine(by.name) as engine:

            def step(shard: Sequence[Candidate]) -> Outcome[Candidate]:
                gained, usage = read_by([pair for pair in shard if pair.gain is None], engine)
                by_id = {pair.id: pair for pair in gained}
                return Outcome(tuple(by_id.get(pair.id, pair) for pair in shard), (), len(shard), usage)

            yield step

    settings = {
        **flat_settings(config, "model.max_tokens"),
        "prompts": prompt_digest("backward", own=config.prompts),
        **identities(by),
    }
    work = MapShards(((pairs.name, Candidate),), opened)
    does = f"{by.settings.name} reads the pairs"
    return Stage("gains", does, (pairs.name,), settings, work, Candidate, model=True, external=(by,))


def _with_scorer(config: Config) -> Config:
    """Left to the model, the scorer is `calibrated` only where the user has named good pairs to calibrate it on."""
    if config.curate.scorer == "auto" and "source" not in config.seed.model_fields_set:
        return config.model_copy(update={"curate": config.curate.model_copy(update={"scorer": "rating"})})
    return resolve_auto(config)
