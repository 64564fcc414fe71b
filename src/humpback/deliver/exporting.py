"""The data set and the model of a finished run, each with its card."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path

from humpback import __version__
from humpback.config import Config
from humpback.config.flat import flat_settings
from humpback.config.scorers import DEFAULT_THRESHOLD
from humpback.curate.select import decided_since
from humpback.data_access.decisions import Ruling, read_rulings
from humpback.deliver.export import CardFacts, data_card, export_data, export_model, model_card
from humpback.deliver.results import Results
from humpback.errors import StoreError
from humpback.method.record import PlanRecord
from humpback.method.settings_file import with_decisions
from humpback.models import Licence
from humpback.records import Candidate, Curated, Rating, Rewritten
from humpback.runs.store import Run, local_copy, local_output


def write_export(run: Run) -> dict[str, Path]:
    """Writes data set and model of a finished run, each with its card.

    Returns:
        Where they are, by what they are.

    Raises:
        StoreError: The run is not finished.
    """
    results = Results(run)
    final = results.plan.models[-1:]
    if not results.done(results.plan.pairs[0], *final):
        raise StoreError(f"{results.run.path} is not finished", "let 'humpback run' come to its end first")
    facts, rulings = _card_facts(results), _rulings(results)
    data = results.run.export_path / "dataset"
    rows = _CuratedRows(results.run, results.plan, rulings, preferences=facts.preferences)
    if rulings is not None:
        facts = replace(facts, curated=sum(1 for _ in rows.rows()), decided=_decisions_in_words(rulings))
    rejected = rows.rejected if facts.preferences else None
    seed_pairs = results.seed_pairs()
    with local_output(data) as folder:
        export_data(rows.rows(), seed_pairs.train, rows.ratings, folder, data_card(facts), seed_pairs.heldout, rejected)
    if results.config.model.engine_spec.dry_run or not final:
        return {"data set": data}
    model = results.run.export_path / "model"
    stage = results.run.stage(final[0])
    with local_copy(stage.model_path) as source, local_output(model) as folder:
        stage.check_model(source)
        export_model(source, folder, model_card(facts), link=True)
    return {"data set": data, "model": model}


def _card_facts(results: Results) -> CardFacts:
    facts, config = results.facts(), results.config
    summaries = [results.rating_summary(t) for t in results.iterations()]
    split = results.seed_pairs()
    return CardFacts(
        name=facts.name,
        date=facts.date,
        version=__version__,
        base_model=facts.base_model if results.config.needs_base else "",
        base_identity=facts.base_identity,
        base_licence=Licence(results.plan.base.licence, results.plan.base.notice),
        scorer=results.plan.scorer,
        selection=_selection(config),
        iterations=len(results.plan.curated),
        curated=results.kept(results.plan.curated[-1]),
        seed_pairs=len(split.train),
        heldout=len(split.heldout),
        preferences=config.augment.reads_drafts or config.augment.keep > 1,
        seed_source=results.plan.seed_source,
        corpus=results.plan.documents,
        tag_seed=config.tags.seed if config.tags.enabled else "",
        tag_augmented=config.tags.augmented if config.tags.enabled else "",
        languages=config.corpus.segment.languages,
        base_hub_id=results.plan.base.hub_id,
        writer=results.plan.writer,
        rater=results.plan.rater,
        rewriter=results.plan.rewriter,
        rewriting=results.rewriting(),
        judge=results.plan.judge,
        win_rate=results.win_rate(),
        stages=tuple(results.stage_facts()),
        losses=results.losses(),
        settings={
            name: str(value)
            for name, value in flat_settings(config, "augment", "curate", "forward").items()
            if value is not None and name != "curate.decisions"
        },
        warnings=tuple(
            f"Iteration {row.iteration}: {row.separation.sentence}"
            for row in summaries
            if row.separation is not None and row.separation.flat
        ),
    )


def _rulings(results: Results) -> dict[str, Ruling] | None:
    """What people decided, the newest included; None where nobody has."""
    path = with_decisions(results.config, results.run).curate.decisions
    return read_rulings(path) if path and Path(path).exists() else None


def _decisions_in_words(rulings: dict[str, Ruling]) -> str:
    verdicts = Counter(ruling.verdict for ruling in rulings.values())
    mended = sum(ruling.edited for ruling in rulings.values())
    return f"{verdicts['approve']:,} approved, {verdicts['reject']:,} rejected and left out, {mended:,} mended"


def _selection(config: Config) -> str:
    select = config.curate.select
    if select.top_share is not None:
        return f"the best-rated {select.top_share:.0%} of all candidates"
    if select.top_n is not None:
        return f"the {select.top_n:,} best-rated candidates"
    return f"a score of {DEFAULT_THRESHOLD if select.threshold is None else select.threshold:g} or more"


class _CuratedRows:
    """The curated rows of a run with what belongs to each, one shard in memory at a time."""

    def __init__(self, run: Run, plan: PlanRecord, rulings: dict[str, Ruling] | None, *, preferences: bool) -> None:
        self._curated = run.stage(plan.curated[-1])
        self._ratings = [run.stage(name) for name in plan.ratings]
        written = "drafts" if "drafts" in plan.stages else plan.candidates
        self._written = [run.stage(written)] if preferences else []
        self._candidates = run.stage(plan.candidates)
        self._rewritten = run.stage(plan.rewritten) if plan.rewritten else None
        self._rulings = rulings
        self._ratings_of: dict[str, list[Rating]] = {}
        self._others_of: dict[str, list[str]] = {}

    def rows(self) -> Iterator[Curated]:
        """The curated rows of the last iteration, in order."""
        for index in self._curated.committed():
            rows = self._curated.shard(index, Curated)
            if self._rulings is not None:
                candidates, ratings = self._candidates.shard(index, Candidate), self._ratings[-1].shard(index, Rating)
                rows = decided_since(rows, candidates, ratings, self._rulings)
            if self._rewritten is not None:
                written_anew = {row.id: row for row in self._rewritten.shard(index, Rewritten)}
                rows = [_with_rewrite(row, written_anew.get(row.id)) for row in rows]
            self._ratings_of = {row.id: [] for row in rows}
            self._others_of = {row.segment_id: [] for row in rows}
            for stage in self._ratings:
                for rating in stage.shard(index, Rating):
                    if rating.id in self._ratings_of:
                        self._ratings_of[rating.id].append(rating)
            for written in chain.from_iterable(stage.shard(index, Candidate) for stage in self._written):
                if written.segment_id in self._others_of and written.id not in self._ratings_of:
                    self._others_of[written.segment_id].append(written.instruction)
            yield from rows

    def ratings(self, record_id: str) -> list[Rating]:
        """The ratings of a row of the shard that is being read, earliest iteration first."""
        return self._ratings_of.get(record_id, [])

    def rejected(self, row: Curated) -> list[str]:
        """The other instructions for the row's segment: valid, and not kept."""
        return self._others_of[row.segment_id]


def _with_rewrite(row: Curated, rewritten: Rewritten | None) -> Curated:
    """A pair with its rewritten response, unless people have mended that response since."""
    if rewritten is None or rewritten.original != row.response:
        return row
    values = {name: getattr(row, name) for name in ("instruction", "score", "scorer", "rated_by")}
    return replace(rewritten, **values)
