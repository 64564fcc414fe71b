"""`humpback rate` and `humpback select`: anybody's pairs rated by a model, and the best of them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import MISSING, asdict, fields
from itertools import chain
from pathlib import Path

from humpback.config import SCORERS, Config
from humpback.config.flat import flat_settings
from humpback.curate.findings import low_signs
from humpback.curate.learning import learned_sentence
from humpback.data_access.atomic import output_file
from humpback.data_access.rows import file_rows, input_digest
from humpback.errors import ConfigError, InputError, in_one_line
from humpback.method.auto import resolve_auto
from humpback.method.corpus import read_seed
from humpback.method.external import identities
from humpback.method.loop import select
from humpback.method.rating import rate
from humpback.prompts import prompt_digest
from humpback.reasons import in_words
from humpback.records import Candidate, Curated, Dropped, Outcome, Rating, SignScale
from humpback.runs.stage import ExternalModel, Inputs, MapShards, Stage, one_shard
from humpback.runs.store import Run
from humpback.standalone.finetune import without_holdout
from humpback.standalone.tables import candidates_stage, check_endings, read_candidates, write_records
from humpback.standalone.work import PLAIN, Command, How, carry_out, spent_lines


def rate_files(
    pairs: Path,
    config: Config,
    ratings_file: Path,
    dropped: Path | None = None,
    backward: str = "",
    how: How = PLAIN,
    calibration: Path | None = None,
) -> list[str]:
    """Lets a model rate pairs; lines of counts and states.

    Args:
        pairs: File with instruction and response, and what else a run's candidates have.
        config: The settings; `model` is the model that rates.
        ratings_file: File for the ratings: .jsonl or .parquet.
        dropped: File for what is no pair, and why.
        backward: M_yx, for what augmentation stores (`stored-gain` and its like) of pairs that no M_yx has written.
        how: How the command is carried out.
        calibration: How the model reads good pairs, for `calibrated`: read from this file if it is there, else written.

    Raises:
        ConfigError: A setting is wrong, no scorer would use the backward model or the calibration, or another model was
            calibrated.
    """
    check_endings(ratings_file, dropped)
    config = _with_scorer(config, calibration, backward)
    needs = {SCORERS[scorer].needs for scorer in (config.curate.scorer, *config.curate.first)}
    _refuse_unused(needs, calibration, backward)
    read = candidates_stage(pairs, config)
    plan = [read]
    if backward:
        backward_settings = config.model.model_copy(update={"name": backward})
        plan.append(_gains(config, read, ExternalModel("backward", backward_settings)))
    by = ExternalModel("rater", config.model)
    stored = _known_calibration(calibration, by) if calibration and calibration.exists() else None
    candidates = plan[-1]
    needs_seed = "direction" in needs or ("calibration" in needs and not stored)
    seed = [read_seed(without_holdout(config))] if needs_seed else []
    plan += [*seed, *rate(without_holdout(config), 1, candidates, seed[0] if seed else read, by, calibration=stored)]

    def write(run: Run) -> list[str]:
        if calibration and not stored:
            _write_calibration(calibration, by, run)
        ratings = run.stage(plan[-1].name)
        line = write_records(ratings_file, Rating, ratings.records(Rating), dropped, run.stage(read.name).dropped())
        states = Counter(ratings.column("state"))
        lines = [f"{line} ({', '.join(f'{count} {state}' for state, count in states.items())})"]
        if config.curate.labels:
            lines.append(learned_sentence(list(run.stage("calibration-1").records(SignScale))))
        return [*lines, *spent_lines(run)]

    return carry_out(Command(plan, config, ratings_file, write, (ratings_file, dropped), (pairs,)), how)


def _refuse_unused(needs: Container[str | None], calibration: Path | None, backward: str) -> None:
    if calibration and "calibration" not in needs:
        raise ConfigError("a calibration is used by the scorer calibrated alone", "leave --calibration out")
    if backward and "stored" not in needs:
        raise ConfigError(
            "a backward model is read by the scorers stored-... alone, and by two-questions", "leave --backward out"
        )


def select_files(
    pairs: Path, ratings: Path, config: Config, curated_file: Path, dropped: Path | None = None, how: How = PLAIN
) -> list[str]:
    """Keeps the best-rated pairs; lines of counts.

    Args:
        pairs: The pairs that were rated.
        ratings: What `rate` wrote.
        config: The settings.
        curated_file: File for the curated pairs: .jsonl or .parquet.
        dropped: File for what was left out, and why.
        how: How the command is carried out.
    """
    check_endings(curated_file, dropped)
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
        line = write_records(curated_file, Curated, curated.records(Curated), dropped, ledger)
        return [line, *([f"worst sign of those dropped: {listed}"] if listed else [])]

    plan = [read, join, choose]
    return carry_out(Command(plan, config, curated_file, write, (curated_file, dropped), (pairs, ratings)), how)


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
        "prompts": prompt_digest("backward", settings=config.prompts),
        **identities(by),
    }
    work = MapShards(((pairs.name, Candidate),), opened)
    does = f"{by.settings.name} reads the pairs"
    return Stage("gains", does, (pairs.name,), settings, work, Candidate, model=True, external=(by,))


def _write_calibration(path: Path, by: ExternalModel, run: Run) -> None:
    scales = [asdict(scale) for scale in run.stage("calibration-1").records(SignScale)]
    with output_file(path, "w") as file:
        json.dump({"model": identities(by), "signs": scales}, file, indent=1)


def _known_calibration(path: Path, by: ExternalModel) -> Stage:
    """What an earlier command found out about the same model."""
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        scales = tuple(SignScale(**row) for row in stored["signs"])
        calibrated_model = stored["model"]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise InputError(f"{path} is no calibration ({in_one_line(error)})", "name a new file: it is made") from None
    if calibrated_model != identities(by):
        raise ConfigError(f"{path} is how another model reads good pairs", "name a new file: it is made")

    digest = {"calibration": input_digest(str(path))}
    work = one_shard(lambda inputs, part: Outcome(scales, (), len(scales)))
    return Stage("calibration-1", f"read {path.name}", (), digest, work, SignScale)


def _with_scorer(config: Config, calibration: Path | None, backward: str) -> Config:
    """Left to the model, the scorer is `calibrated` only where the user has named good pairs to calibrate it on."""
    grounds = calibration or backward or "source" in config.seed.model_fields_set
    if config.curate.scorer == "auto" and not grounds:
        return config.model_copy(update={"curate": config.curate.model_copy(update={"scorer": "rating"})})
    return resolve_auto(config, written_here=bool(backward))
