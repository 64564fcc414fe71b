"""What a run hands over: the report, the data set, the model. Made from stored artefacts alone, as often as wanted."""

from __future__ import annotations

import heapq
from array import array
from collections.abc import Iterator
from pathlib import Path

from humpback import __version__, seed
from humpback.config import Config
from humpback.config.flat import flat_settings
from humpback.curate.select import DEFAULT_THRESHOLD
from humpback.curate.separation import separation
from humpback.deliver.export import (
    CardFacts,
    Licence,
    LossLine,
    Setting,
    StageCount,
    data_card,
    export_data,
    export_model,
)
from humpback.deliver.export import ReasonCount as CardReason
from humpback.deliver.export import model_card as make_model_card
from humpback.deliver.report.data import (
    LengthSummary,
    LossSummary,
    Movement,
    RatingSummary,
    ReasonCount,
    ReportData,
    RunFacts,
    Sample,
    StageFacts,
    TrainingCurve,
)
from humpback.deliver.report.losses import loss_summaries
from humpback.deliver.report.render import render
from humpback.deliver.report.samples import choose, from_curated, from_dropped, from_rating
from humpback.deliver.report.statistics import length_summary, movement, rating_summary
from humpback.errors import StoreError
from humpback.method.record import PlanRecord, read_record
from humpback.method.settings_file import load_config, resolved
from humpback.records import Candidate, Curated, Dropped, HeldOutLoss, Pair, Rating
from humpback.runs.store import Run, StageFolder, local_copy, local_output, write_text

_SAMPLES = 12


def write_report(run: Run) -> Path:
    """Writes the report of a run, as far as it is.

    Raises:
        StoreError: Nothing is done yet, or the disk is full.
    """
    write_text(run.report_path, render(_Results(run).report()))
    return run.report_path


def write_export(run: Run) -> dict[str, Path]:
    """Writes data set and model of a finished run, each with its card.

    Returns:
        Where they are, by what they are.

    Raises:
        StoreError: The run is not finished.
    """
    return _Results(run).export()


def some_pairs(run: Run, count: int) -> list[Curated]:
    """The best-rated pairs of the last iteration."""
    rows = run.stage(_Results(run).plan.curated[-1]).records(Curated)
    return heapq.nlargest(count, rows, key=lambda row: (row.score, row.id))


class _Results:
    """The results of one run, read where they are needed: from its own files alone."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.config: Config = load_config(run.config_path)
        self.plan: PlanRecord = read_record(run)
        self.manifests = {name: m for name in self.plan.stages if (m := run.stage(name).manifest()) is not None}

    def done(self, *names: str) -> bool:
        """Whether all these stages are finished."""
        return all(name in self.manifests for name in names)

    def iterations(self) -> list[int]:
        """The iterations whose selection is finished, counted from 1."""
        return [t for t, name in enumerate(self.plan.curated, 1) if self.done(name)]

    def ratings(self, iteration: int) -> StageFolder:
        """The ratings of an iteration."""
        return self.run.stage(self.plan.ratings[iteration - 1])

    def curated(self, iteration: int) -> StageFolder:
        """What an iteration kept."""
        return self.run.stage(self.plan.curated[iteration - 1])

    def kept(self, stage: str) -> int:
        """Records that a stage kept; 0 while it is not finished."""
        return int(self.manifests[stage]["counts"]["kept"]) if self.done(stage) else 0

    def report(self) -> ReportData:
        """Everything that the report shows."""
        if not self.manifests:
            raise StoreError(f"nothing is finished in {self.run.path}", "let 'humpback run' finish a stage first")
        notes = ("This was a dry run without a model: every text and score is made up.",)
        return ReportData(
            run=self._facts(),
            segments=self.kept(self.plan.segments),
            candidates=self.kept(self.plan.candidates),
            curated=self.kept(self.plan.curated[-1]),
            stages=tuple(self._stage_facts()),
            lengths=tuple(self._lengths()),
            ratings=tuple(self._rating_summary(t) for t in self.iterations()),
            movements=tuple(self._movement(t - 1, t) for t in self.iterations() if t > 1),
            losses=loss_summaries(self._losses()),
            curves=tuple(self._curves()),
            samples=tuple(self._samples()),
            settings=resolved(self.config),
            notes=notes if self.config.model.engine_spec.dry_run else (),
        )

    def export(self) -> dict[str, Path]:
        """Writes data set and model."""
        final = self.plan.models[-1]
        if not self.done(self.plan.curated[-1], final):
            raise StoreError(f"{self.run.path} is not finished", "let 'humpback run' come to its end first")
        facts = self._card_facts()
        data = self.run.export_path / "dataset"
        ratings = _RatingsBeside(self.run, self.plan)
        pairs = self._seed_pairs().train
        with local_output(data) as folder:
            export_data(ratings.rows(), pairs, ratings.of, folder, data_card(facts))
        if self.config.model.engine_spec.dry_run:
            return {"data set": data}
        model = self.run.export_path / "model"
        with local_copy(self.run.stage(final).model_path) as source, local_output(model) as folder:
            export_model(source, folder, make_model_card(facts), link=True)
        return {"data set": data, "model": model}

    def _facts(self) -> RunFacts:
        last = max(self.manifests.values(), key=lambda manifest: str(manifest["finished"]))
        return RunFacts(
            name=self.run.path.resolve().name,
            date=str(last["finished"])[:10],
            version=__version__,
            base_model="none (dry run)" if self.config.model.engine_spec.dry_run else self.config.model.name,
            base_identity=self.plan.base.identity,
            base_licence=self.plan.base.licence,
            machine=str(last["machine"]),
            seconds=sum(float(m["counts"]["seconds"]) for m in self.manifests.values()),
        )

    def _seed_pairs(self) -> seed.Split:
        pairs = self.run.stage(self.plan.seed).records(Pair)
        return seed.hold_out(pairs, self.config.seed, self.config.run.seed)

    def _stage_facts(self) -> Iterator[StageFacts]:
        for name, manifest in self.manifests.items():
            counts = manifest["counts"]
            reasons = sorted(counts["dropped"].items(), key=lambda item: -item[1])
            yield StageFacts(
                name,
                counts["read"],
                counts["kept"],
                counts["seconds"],
                tuple(ReasonCount(reason, count) for reason, count in reasons),
                counts["tokens_read"],
                counts["tokens_written"],
            )

    def _lengths(self) -> Iterator[LengthSummary]:
        for name, kind in ((self.plan.seed, Pair), (self.plan.candidates, Candidate)):
            if self.done(name):
                yield length_summary(name, self.run.stage(name).records(kind))
        for t in self.iterations():
            yield length_summary(self.curated(t).name, self.curated(t).records(Curated))

    def _rating_summary(self, iteration: int) -> RatingSummary:
        stage = self.ratings(iteration)
        scores = array("d", (score for score in stage.column("score") if score is not None))
        lowest_kept = min(self.curated(iteration).column("score"), default=None)
        return rating_summary(
            stage.records(Rating),
            iteration=iteration,
            kept=self.kept(self.plan.curated[iteration - 1]),
            threshold=lowest_kept,
            separation=separation(scores, self.plan.scorer) if scores else None,
            model=self.plan.models[iteration - 1],
            kept_ids=self._checked_kept(stage, iteration),
        )

    def _checked_kept(self, ratings: StageFolder, iteration: int) -> set[str]:
        """Ids that were kept of those a cascade would have left out: few, so that they may be held."""
        checked = {
            i for i, state in zip(ratings.column("id"), ratings.column("state"), strict=True) if state == "checked"
        }
        return checked.intersection(self.curated(iteration).column("id")) if checked else checked

    def _movement(self, first: int, second: int) -> Movement:
        return movement(
            self.ratings(first).records(Rating),
            self.ratings(second).records(Rating),
            self.curated(first).column("id"),
            self.curated(second).column("id"),
            iterations=(first, second),
        )

    def _losses(self) -> Iterator[HeldOutLoss]:
        if self.done(self.plan.evaluation):
            yield from self.run.stage(self.plan.evaluation).records(HeldOutLoss)

    def _curves(self) -> Iterator[TrainingCurve]:
        for name, manifest in self.manifests.items():
            points = manifest.get("training", {}).get("curve", [])
            if points:
                yield TrainingCurve(
                    name,
                    tuple(point["step"] for point in points),
                    tuple(point["loss"] for point in points),
                    tuple(point["learning_rate"] for point in points),
                    self.kept(name),
                )

    def _samples(self) -> Iterator[Sample]:
        finished = self.iterations()
        if finished:
            t = finished[-1]
            rows = self.curated(t).records(Curated)
            yield from map(from_curated, choose(rows, _SAMPLES, key=lambda row: row.id))
            yield from self._rejected(t)
        for name in (*self.plan.filters, self.plan.candidates):
            if self.done(name):
                dropped = choose(self.run.stage(name).dropped(), _SAMPLES // 2, key=_id)
                yield from (from_dropped(row, name) for row in dropped)

    def _rejected(self, iteration: int) -> Iterator[Sample]:
        """Candidates that the last iteration left out, with what their rater said."""
        dropped = choose(self.curated(iteration).dropped(), _SAMPLES // 2, key=_id)
        dropped_by_id = {row.id: row for row in dropped}
        ratings = {r.id: r for r in self.ratings(iteration).records(Rating) if r.id in dropped_by_id}
        for row in self.run.stage(self.plan.candidates).records(Candidate):
            if row.id in ratings:
                yield from_rating(row, ratings[row.id], dropped_by_id[row.id].reason)

    def _card_facts(self) -> CardFacts:
        facts, config = self._facts(), self.config
        summaries = [self._rating_summary(t) for t in self.iterations()]
        split = self._seed_pairs()
        return CardFacts(
            name=facts.name,
            date=facts.date,
            version=__version__,
            base_model=_without_folders(facts.base_model),
            base_identity=facts.base_identity,
            base_licence=Licence(self.plan.base.licence, self.plan.base.notice),
            scorer=self.plan.scorer,
            selection=_selection(config),
            iterations=len(self.plan.curated),
            curated=self.kept(self.plan.curated[-1]),
            seed_pairs=len(split.train),
            seed_source=self.plan.seed_source,
            corpus=self.plan.documents,
            tag_seed=config.tags.seed if config.tags.enabled else "",
            tag_augmented=config.tags.augmented if config.tags.enabled else "",
            languages=config.corpus.segment.languages,
            base_hub_id=self.plan.base.hub_id,
            stages=tuple(
                StageCount(s.name, s.records_in, s.records_out, tuple(CardReason(r.reason, r.count) for r in s.dropped))
                for s in self._stage_facts()
            ),
            losses=tuple(_loss_line(row) for row in loss_summaries(self._losses())),
            settings=tuple(
                Setting(name, str(value))
                for name, value in flat_settings(config, "augment", "curate", "forward").items()
                if value is not None
            ),
            warnings=tuple(
                f"Iteration {row.iteration}: {row.separation.sentence}"
                for row in summaries
                if row.separation is not None and row.separation.flat
            ),
        )


def _without_folders(name: str) -> str:
    """A path without the folders it lies in: a card is made to be published."""
    return Path(name).name if Path(name).is_absolute() or name.startswith((".", "~")) else name


def _selection(config: Config) -> str:
    select = config.curate.select
    if select.top_share is not None:
        return f"the best-rated {select.top_share:.0%} of all candidates"
    if select.top_n is not None:
        return f"the {select.top_n:,} best-rated candidates"
    return f"a score of {DEFAULT_THRESHOLD if select.threshold is None else select.threshold:g} or more"


def _loss_line(row: LossSummary) -> LossLine:
    base = next((item for item in row.differences if item.against == "base"), None)
    return LossLine(
        row.model,
        row.direction,
        row.nats_per_token,
        row.pairs,
        base.difference if base else None,
        base.standard_error if base else None,
    )


class _RatingsBeside:
    """The curated rows of a run with all their ratings, one shard in memory at a time."""

    def __init__(self, run: Run, plan: PlanRecord) -> None:
        self._curated = run.stage(plan.curated[-1])
        self._ratings = [run.stage(name) for name in plan.ratings]
        self._of: dict[str, list[Rating]] = {}

    def rows(self) -> Iterator[Curated]:
        """The curated rows of the last iteration, in order."""
        for index in self._curated.committed():
            rows = self._curated.shard(index, Curated)
            self._of = {row.id: [] for row in rows}
            for stage in self._ratings:
                for rating in stage.shard(index, Rating):
                    if rating.id in self._of:
                        self._of[rating.id].append(rating)
            yield from rows

    def of(self, record_id: str) -> list[Rating]:
        """The ratings of a row of the shard that is being read, earliest iteration first."""
        return self._of.get(record_id, [])


def _id(row: Dropped) -> str:
    return row.id
