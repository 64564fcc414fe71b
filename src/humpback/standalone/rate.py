"""Rating and selection of anybody's pairs: JSONL or Parquet in and out, without a run folder."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, fields, replace
from pathlib import Path

from humpback import seed
from humpback.augment.gain import read_by
from humpback.config import SCORERS, CascadeSettings, Config, CurateSettings, ModelSettings
from humpback.curate import Scorer
from humpback.data_access.rows import file_rows
from humpback.engines.base import Engine
from humpback.errors import ConfigError, InputError
from humpback.method.auto import resolve_auto
from humpback.method.settings_file import with_changes
from humpback.records import Candidate, Curated, Outcome, Rating, SignScale
from humpback.standalone.files import each_window, read_candidates, write_kept


def rate_files(pairs: Path, model: str, out: Path, changes: list[str], backward: str = "") -> str:
    """Lets a model rate pairs; one line of counts and states.

    Args:
        pairs: File with instruction and response, and what else a run's candidates have.
        model: The model that rates.
        out: File for the ratings.
        changes: Settings, as NAME=VALUE.
        backward: M_yx, for `stored-gain` of pairs that no M_yx has written the instruction of.

    Raises:
        ConfigError: A setting is wrong, or no scorer would use the backward model.
    """
    from humpback.curate import NoModel
    from humpback.engines.open import account, open_engine

    config = _with_scorer(with_changes(Config.model_validate({"model": {"name": model}}), changes))
    specs = [SCORERS[name] for name in (config.curate.scorer, *config.curate.first)]
    asks = any(spec.asks_model for spec in specs)
    states: Counter[str] = Counter()
    if backward and not any(spec.needs == "stored-gain" for spec in specs):
        raise ConfigError("a backward model is read by the scorer stored-gain alone", "leave --backward out")
    with ExitStack() as opened:
        writer = opened.enter_context(open_engine(_named(config.model, backward))) if backward else None
        engine = opened.enter_context(open_engine(config.model)) if asks else NoModel()
        scales = _scales(config, engine) if any(spec.needs == "calibration" for spec in specs) else ()
        rate = _rater(pairs, config, engine, scales, writer)

        def step(window: Sequence[Candidate]) -> Outcome[Rating]:
            outcome = rate(window)
            states.update(rating.state for rating in outcome.kept)
            return outcome

        line = write_kept(each_window(read_candidates(pairs, config), step), Rating, out, None)
        line += f" ({', '.join(f'{count} {state}' for state, count in states.items())})"
        return "\n".join(filter(None, (line, account(engine) if asks else "")))


def _named(settings: ModelSettings, name: str) -> ModelSettings:
    return settings.model_copy(update={"name": name})


def _rater(
    pairs: Path, config: Config, engine: Engine, scales: Sequence[SignScale], writer: Engine | None
) -> Callable[[Sequence[Candidate]], Outcome[Rating]]:
    """What rates one window of a file; scorers that come first have seen the whole of it by then."""
    from humpback.curate import Ranks, make_scorer, mean_ranks, rate_within, reach

    def made(wanted: CurateSettings, step: str) -> Scorer:
        scorer = make_scorer(wanted, config.run.seed, 1, step, config.tags, scales)
        return _ReadsGains(scorer, writer) if writer and SCORERS[wanted.scorer].needs == "stored-gain" else scorer

    wanted, step = config.curate, "ratings-1"
    first: list[dict[str, Rating]] = []
    for name in wanted.first:
        alone = wanted.model_copy(update={"scorer": name, "cascade": CascadeSettings()})
        first.append(_scored(read_candidates(pairs, config), made(alone, f"scores-1-{name}"), engine))

    def known(window: Sequence[Candidate]) -> list[list[Rating]]:
        return [[rated[one.id] for one in window] for rated in first]

    if SCORERS[wanted.scorer].needs == "members":
        ranks = [Ranks(rating.score for rating in rated.values()) for rated in first]
        return lambda window: mean_ranks(window, known(window), ranks, wanted.ensemble, 1)
    scorer = made(wanted, step)
    if not first:
        return lambda window: scorer.score(window, engine)
    within = reach(lambda: ((rating.id, rating.score) for rating in first[0].values()), wanted.cascade)
    return lambda window: rate_within(window, known(window)[0], within, scorer, engine)


@dataclass(frozen=True, slots=True)
class _ReadsGains:
    """`stored-gain` where nothing is stored yet: M_yx reads the pairs first."""

    scorer: Scorer
    writer: Engine

    @property
    def name(self) -> str:
        return self.scorer.name

    def score(self, candidates: Sequence[Candidate], engine: Engine) -> Outcome[Rating]:
        missing, read = read_by([one for one in candidates if one.gain is None], self.writer)
        known = {one.id: one for one in missing}
        outcome = self.scorer.score([known.get(one.id, one) for one in candidates], engine)
        return replace(outcome, usage=outcome.usage + read)


def _scored(rows: Iterator[Candidate], scorer: Scorer, engine: Engine) -> dict[str, Rating]:
    def step(window: Sequence[Candidate]) -> Outcome[Rating]:
        return scorer.score(window, engine)

    return {rating.id: rating for outcome in each_window(rows, step) for rating in outcome.kept}


def _with_scorer(config: Config) -> Config:
    """Left to the model, the scorer is `calibrated` only where the user has named good pairs to calibrate it on."""
    if config.curate.scorer == "auto" and "source" not in config.seed.model_fields_set:
        return config.model_copy(update={"curate": config.curate.model_copy(update={"scorer": "rating"})})
    return resolve_auto(config)


def _scales(config: Config, engine: Engine) -> Sequence[SignScale]:
    """How the model reads the pairs of `seed.source`."""
    from humpback.curate.calibration import calibrate

    good = seed.read_seed(config.seed, config.run.seed).kept
    return calibrate(good, engine, config.tags, config.curate, config.run.seed).kept


def select_files(pairs: Path, ratings: Path, out: Path, changes: list[str]) -> str:
    """Keeps the best-rated pairs; one line of counts."""
    from humpback.curate.diverse import Scored, diverse_cutoff
    from humpback.curate.select import curate, cutoff, explain_empty

    config = with_changes(Config(), changes)
    rated = {rating.id: rating for rating in read_ratings(ratings)}

    def scored() -> Iterator[Scored]:
        some = (one for one in read_candidates(pairs, config) if one.id in rated)
        return (Scored(one.id, rated[one.id].score, one.instruction, one.document_id) for one in some)

    rule = config.curate.select
    scores = ((rating.id, rating.score) for rating in rated.values())
    line = diverse_cutoff(scored, rule) if rule.diverse else cutoff(scores, rule)
    if not line.kept:
        raise explain_empty(line, [rating.state for rating in rated.values()])

    def step(window: Sequence[Candidate]) -> Outcome[Curated]:
        return curate(window, [rated[c.id] for c in window if c.id in rated], line)

    return write_kept(each_window(read_candidates(pairs, config), step), Curated, out, None)


def read_ratings(path: Path) -> Iterator[Rating]:
    """What `rate` wrote.

    Raises:
        InputError: The file is none.
    """
    names = [item.name for item in fields(Rating)]
    for number, row in file_rows(path):
        if missing := [name for name in names if name not in row]:
            raise InputError(f"{path} row {number} has no {', '.join(missing)}", "give what 'humpback rate' wrote")
        yield Rating(**{name: row[name] for name in names})  # type: ignore[arg-type]
