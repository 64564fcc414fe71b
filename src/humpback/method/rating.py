"""Self-curation, first half: M_{t-1} rates every candidate (section 2.3); before it come the stages it needs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from functools import cache
from itertools import chain
from typing import Any

from humpback import prompts, seed
from humpback.config import SCORERS, CascadeSettings, Config, CurateSettings, SingleScorer
from humpback.config.flat import flat_settings
from humpback.config.neutral import batch_settings
from humpback.config.scorers import Need
from humpback.data_access.decisions import Ruling, read_rulings, rulings_digest
from humpback.demo.sections import sections_digest
from humpback.errors import ConfigError, StageError
from humpback.method.choosing import draw_texts
from humpback.method.external import identities
from humpback.records import Candidate, Outcome, Pair, Rating, SeedDirection, SignScale
from humpback.runs.stage import ExternalModel, Inputs, MapShards, Stage, external_of, names_of, one_shard

_FEWEST_UNSEEN = 16
"""Held-out pairs from which on a calibration reads them in place of those that the model was trained on."""

Rate = Callable[..., Outcome[Rating]]
"""Given the candidates of a shard, and their ratings by each scorer that came first."""


def rate(
    config: Config,
    iteration: int,
    candidates: Stage,
    pairs: Stage,
    by: Stage | ExternalModel,
    called: Callable[[Stage], Stage] = lambda stage: stage,
    calibration: Stage | None = None,
) -> tuple[Stage, ...]:
    """M_{t-1} rates every candidate (section 2.3). The last stage has the ratings; before it is what they stand on.

    Args:
        config: The run's settings.
        iteration: t.
        candidates: What is rated.
        pairs: The seed, for scorers that need a calibration or a direction.
        by: The model M_{t-1}.
        called: Gives each stage the name it has here, before others refer to it.
        calibration: How the model reads good pairs, where that is known already.
    """
    curate = config.curate
    for scorer in (curate.scorer, *curate.first):
        if SCORERS[scorer].reads_spans and not config.model.engine_spec.reads_spans:
            raise ConfigError(
                f"curate.scorer {scorer} asks how likely a text is, which the server of {config.model.name} cannot say",
                "set curate.scorer to rating or expected-rating",
            )
    needs = {SCORERS[scorer].needs for scorer in (curate.scorer, *curate.first)}
    if curate.labels and "calibration" not in needs:
        raise ConfigError(
            f"curate.labels teaches the scorer calibrated, and curate.scorer is {curate.scorer}",
            "set curate.scorer to calibrated, or leave curate.labels out",
        )
    grounds: dict[Need, Stage] = {}
    if "calibration" in needs:
        grounds["calibration"] = calibration or called(calibrate(config, iteration, pairs, candidates, by))
    if "direction" in needs:
        grounds["direction"] = called(find_direction(config, iteration, pairs, candidates, by))
    if "probe" in needs:
        grounds["probe"] = called(fit_probe(config, iteration, by))
    first: dict[str, Stage] = {}
    for scorer in curate.first:
        alone, name = _with_one_scorer(config, scorer), f"scores-{iteration}-{scorer}"
        shares = SCORERS[scorer].shares_readings
        readers = [stage for peer, stage in first.items() if shares and SCORERS[peer].shares_readings]
        first[scorer] = called(_rate(alone, name, iteration, candidates, by, grounds, readers))
    members = list(first.values())
    ratings = called(_rate(config, f"ratings-{iteration}", iteration, candidates, by, grounds, members))
    return *grounds.values(), *members, ratings


def calibrate(config: Config, iteration: int, pairs: Stage, candidates: Stage, by: Stage | ExternalModel) -> Stage:
    """How M_{t-1} reads the seed's own pairs, the same with planted faults, and what people decided on. Ours.

    A model finds what it was trained on too likely, so M_{t-1} reads held-out pairs, where there are enough: they
    decide where each sign lies, and nothing is trained on them. A model that the run has not trained reads any pairs.
    """
    rulings = _labels(config.curate)

    def read(inputs: Inputs, part: int) -> Outcome[SignScale]:
        from humpback.curate.calibration import calibrate as read_pairs
        from humpback.curate.learning import learn

        split = seed.hold_out(inputs.records(pairs.name, Pair), config.seed, config.run.seed)
        enough = sum(pair.stands_alone for pair in split.heldout) >= _FEWEST_UNSEEN
        good = split.heldout if enough and isinstance(by, Stage) else split.train
        labelled: dict[str, list[Candidate]] = {"approve": [], "reject": []}
        for row in inputs.records(candidates.name, Candidate) if rulings else ():
            if ruling := rulings.get(row.id):
                labelled[ruling.verdict].append(ruling.applied(row))
        how = config.tags, config.curate, config.run.seed
        with inputs.engine(by.name) as engine:
            scales = read_pairs(good, engine, *how)
            return learn(scales, labelled["approve"], labelled["reject"], engine, *how) if rulings else scales

    settings = flat_settings(config, "curate.calibration_pairs", "tags", "seed.holdout_share", "seed.holdout_min")
    settings |= flat_settings(config, "model.max_tokens", "model.engine", "run.seed") | batch_settings(config.model)
    settings |= {
        "prompts": prompts.prompt_digest("forward", "backward", settings=config.prompts),
        **identities(by),
    } | _follow_up(config)
    if rulings:
        settings["curate.labels"] = rulings_digest(rulings)
    name, does = f"calibration-{iteration}", f"how {_rater(iteration, by)} reads good pairs"
    needs = names_of(pairs, *([candidates] if rulings else []), by)
    return Stage(
        name, does, needs, settings, one_shard(read), SignScale, model=True, version=3,
        external=external_of(by), origins={"curate.labels": "the decisions of people"},
    )  # fmt: skip


def _labels(curate: CurateSettings) -> dict[str, Ruling]:
    """The verdicts that `calibrated` learns from; none unless `curate.labels` asks for them.

    Raises:
        ConfigError: It does, and people have decided on too few.
    """
    if not curate.labels:
        return {}
    from humpback.curate.calibration import FEWEST

    rulings = {id_: ruling for id_, ruling in read_rulings(curate.decisions).items() if ruling.verdict}
    counts = Counter(ruling.verdict for ruling in rulings.values())
    if min(counts["approve"], counts["reject"]) < FEWEST:
        raise ConfigError(
            f"curate.labels needs {FEWEST} approved and {FEWEST} rejected pairs, and people have approved "
            f"{counts['approve']} and rejected {counts['reject']}",
            "decide on more with 'humpback view', or leave curate.labels out",
        )
    return rulings


def find_direction(config: Config, iteration: int, pairs: Stage, candidates: Stage, by: Stage | ExternalModel) -> Stage:
    """Where the seed's own pairs lie, seen from the candidates, among the hidden states of M_{t-1}. Ours."""
    count, rng_seed = config.curate.direction_pairs, config.run.seed

    def find(inputs: Inputs, part: int) -> Outcome[SeedDirection]:
        from humpback.curate.seed_likeness import find_pair_direction, pair_text

        train = seed.hold_out(inputs.records(pairs.name, Pair), config.seed, rng_seed).train
        sides = ((p.id, pair_text(p.instruction, p.response)) for p in train if p.stands_alone)
        good = draw_texts(sides, count, rng_seed)
        columns = (inputs.column(candidates.name, name) for name in ("id", "instruction", "response"))
        texts = ((id_, pair_text(*both)) for id_, *both in zip(*columns, strict=True))
        passages = draw_texts(texts, count, rng_seed)
        with inputs.engine(by.name, embeds=True) as engine:
            return find_pair_direction(good, passages, engine)

    settings = flat_settings(config, "curate.direction_pairs", "seed.holdout_share", "seed.holdout_min")
    settings |= flat_settings(config, "model.max_tokens", "model.engine", "run.seed") | batch_settings(config.model)
    name, does = f"direction-{iteration}", f"where the seed's pairs lie for {_rater(iteration, by)}"
    return Stage(
        name, does, names_of(pairs, candidates, by), settings | identities(by), one_shard(find), SeedDirection,
        model=True, external=external_of(by),
    )  # fmt: skip


def fit_probe(config: Config, iteration: int, by: Stage | ExternalModel) -> Stage:
    """What tells answers from other texts among the hidden states of M_{t-1}, by the texts that ship. Ours."""

    def fit(inputs: Inputs, part: int) -> Outcome[SeedDirection]:
        from humpback.curate.answer_probe import find_probe

        with inputs.engine(by.name, embeds=True) as engine:
            return find_probe(engine)

    settings = flat_settings(config, "model.engine") | batch_settings(config.model) | identities(by)
    name, does = f"probe-{iteration}", f"what answers look like to {_rater(iteration, by)}"
    return Stage(
        name, does, names_of(by), settings | {"texts": sections_digest()}, one_shard(fit), SeedDirection,
        model=True, external=external_of(by),
    )  # fmt: skip


def _rate(
    config: Config,
    name: str,
    iteration: int,
    candidates: Stage,
    by: Stage | ExternalModel,
    grounds: Mapping[Need, Stage],
    first: Sequence[Stage],
) -> Stage:
    """Ratings by one scorer, or the ranks by several that came first; a member takes from those what they have read."""
    curate = config.curate
    spec = SCORERS[curate.scorer]
    on = [stage for need, stage in grounds.items() if need == spec.needs]
    asks = spec.asks_model
    # What a member takes from another decides no score, so its recipe does not name it.
    member = bool(first) and spec.needs != "members" and curate.cascade.share == 1

    @contextmanager
    def opened(inputs: Inputs) -> Iterator[Rate]:
        from humpback.curate import NoModel, make_scorer, rate_within, reach
        from humpback.curate.likelihood import LikelihoodScorer

        if spec.needs == "members":
            yield _by_ranks(curate, iteration, inputs, first)
            return
        scorer = make_scorer(curate, config.run.seed, iteration, name, config.tags, *_read_grounds(inputs, on))
        if member:
            assert isinstance(scorer, LikelihoodScorer)
            with ExitStack() as opened_engine:
                open_engine = cache(lambda: opened_engine.enter_context(inputs.engine(by.name)))
                yield lambda shard, *earlier: scorer.score_after(chain(*earlier), shard, open_engine)
            return
        with inputs.engine(by.name, embeds=spec.embeds) if asks else nullcontext(NoModel()) as engine:
            if first:
                within = reach(lambda: _scores(inputs, first[0]), curate.cascade)
                yield lambda shard, cheap: rate_within(shard, cheap, within, scorer, engine)
            else:
                yield lambda shard: scorer.score(shard, engine)

    over = ((candidates.name, Candidate), *((stage.name, Rating) for stage in first))
    raters = (by,) if asks else ()
    needs = names_of(candidates, *raters, *on, *(() if member else first))
    rater = _rater(iteration, by)
    does = f"{rater} rates the candidates: {curate.scorer}" if asks else f"candidates by {curate.scorer}"
    # Where a member asks nothing, nothing was paid for, and the others may answer in its place.
    checked = asks or name == f"ratings-{iteration}"
    check = _enough_have_a_score(curate, name) if checked else lambda inputs: None
    return Stage(
        name, does, needs, _deciding(config) | identities(*raters), MapShards(over, opened), Rating, model=asks,
        check=check, external=external_of(*raters),
    )  # fmt: skip


def _read_grounds(inputs: Inputs, on: Sequence[Stage]) -> tuple[list[SignScale], SeedDirection | None]:
    """The calibration and the direction that a scorer stands on; empty and None where it stands on none."""
    scales = [scale for stage in on if stage.makes is SignScale for scale in inputs.records(stage.name, SignScale)]
    directions = (inputs.records(stage.name, SeedDirection) for stage in on if stage.makes is SeedDirection)
    return scales, next(chain.from_iterable(directions), None)


def _rater(iteration: int, by: Stage | ExternalModel) -> str:
    return by.settings.name if isinstance(by, ExternalModel) else f"M_{iteration - 1}"


def _with_one_scorer(config: Config, scorer: SingleScorer) -> Config:
    """The settings with one scorer, which sees every candidate."""
    changed = config.curate.model_copy(update={"scorer": scorer, "cascade": CascadeSettings()})
    return config.model_copy(update={"curate": changed})


def _by_ranks(curate: CurateSettings, iteration: int, inputs: Inputs, first: Sequence[Stage]) -> Rate:
    from humpback.curate import Question, Ranks, RankScorer

    def scores() -> dict[str, Iterator[float | None]]:
        return {scorer: inputs.column(stage.name, "score") for scorer, stage in zip(curate.first, first, strict=True)}

    ranks = {scorer: Ranks(column) for scorer, column in scores().items()}
    several = len(curate.groups) > 1
    questions = [
        Question(name, weights, ranks, scores() if several else None) for name, weights in curate.groups.items()
    ]
    scorer = RankScorer(curate.scorer, iteration, questions)
    return lambda shard, *rated: scorer.rate(shard, rated)


def _scores(inputs: Inputs, stage: Stage) -> Iterator[tuple[str, float | None]]:
    return zip(inputs.column(stage.name, "id"), inputs.column(stage.name, "score"), strict=True)


def _enough_have_a_score(curate: CurateSettings, name: str) -> Callable[[Inputs], None]:
    def check(inputs: Inputs) -> None:
        states = Counter(inputs.column(name, "state"))
        failures = {state: states[state] for state in ("unparsed", "truncated") if states[state]}
        # What a cascade leaves out was never rated, so it says nothing about how well the rater answers.
        rated = states.total() - states["skipped"]
        if rated and sum(failures.values()) > curate.max_unrated_share * rated:
            counts = ", ".join(f"{count} {state}" for state, count in failures.items())
            example = next(row.reply for row in inputs.records(name, Rating) if row.state in failures)
            raise StageError(
                f"{name}: {counts} of {rated} ratings have no score, one of them '{example[-80:].strip()}'",
                "use curate.scorer: expected-rating, raise curate.max_new_tokens or curate.max_unrated_share",
            )

    return check


def _deciding(config: Config) -> dict[str, Any]:
    """The settings that decide the ratings, by the table of scorers: no setting of another scorer makes them stale."""
    spec = SCORERS[config.curate.scorer]
    settings = flat_settings(config, *spec.settings)
    if config.curate.cascade.share < 1:
        settings |= flat_settings(config, "curate.cascade")
    if spec.asks_model:
        settings |= batch_settings(config.model)
    if spec.prompts:
        settings["prompts"] = prompts.prompt_digest(*spec.prompts, settings=config.prompts)
    return settings | (_follow_up(config) if spec.needs == "calibration" else {})


def _follow_up(config: Config) -> dict[str, Any]:
    digest = prompts.prompt_digest("follow-up", settings=config.prompts)
    return {"curate.follow_up": digest} if config.curate.follow_up else {}
