"""The results of a run, read where they are needed: from its own files alone, finished or not."""

from __future__ import annotations

import heapq
from array import array
from collections.abc import Iterator

from humpback import __version__, seed
from humpback.config import Config
from humpback.curate.separation import separation
from humpback.deliver.facts import LossSummary, ReasonCount, StageFacts
from humpback.deliver.report.data import DirectionSummary, RatingSummary, RunFacts
from humpback.deliver.report.losses import loss_summaries
from humpback.deliver.report.statistics import rating_summary
from humpback.method.record import PlanRecord, read_record
from humpback.method.settings_file import load_config
from humpback.records import Curated, HeldOutLoss, Pair, Rating, SeedDirection
from humpback.runs.store import Run, StageFolder


def some_pairs(run: Run, count: int) -> list[Curated]:
    """The best-rated pairs of the last iteration."""
    rows = run.stage(Results(run).plan.curated[-1]).records(Curated)
    return heapq.nlargest(count, rows, key=lambda row: (row.score, row.id))


class Results:
    """The results of one run.

    Args:
        run: Its folder.
    """

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

    def facts(self) -> RunFacts:
        """Which run this is, on what and with what."""
        last = max(self.manifests.values(), key=lambda manifest: str(manifest["finished"]))
        return RunFacts(
            name=self.run.path.resolve().name,
            date=str(last["finished"])[:10],
            version=__version__,
            base_model="none (dry run)" if self.config.model.engine_spec.dry_run else self.plan.base.name,
            base_identity=self.plan.base.identity,
            base_licence=self.plan.base.licence,
            machine=str(last["machine"]),
            seconds=sum(float(m["counts"]["seconds"]) for m in self.manifests.values()),
        )

    def seed_pairs(self) -> seed.Split:
        """The seed pairs that were trained on, and those held out."""
        pairs = self.run.stage(self.plan.seed).records(Pair)
        return seed.hold_out(pairs, self.config.seed, self.config.run.seed)

    def stage_facts(self) -> Iterator[StageFacts]:
        """What each finished stage read, kept and dropped."""
        for name, manifest in self.manifests.items():
            counts = manifest["counts"]
            reasons = sorted(counts["dropped"].items(), key=lambda item: -item[1])
            chars = counts.get("chars_dropped", {})  # runs of earlier versions did not count them
            yield StageFacts(
                name,
                counts["read"],
                counts["kept"],
                counts["seconds"],
                tuple(ReasonCount(reason, count, chars.get(reason, 0)) for reason, count in reasons),
                counts["tokens_read"],
                counts["tokens_written"],
                counts.get("chars_kept", 0),
            )

    def directions(self) -> Iterator[DirectionSummary]:
        """What segments were chosen by; nothing where none were."""
        if self.done(self.plan.direction):
            for record in self.run.stage(self.plan.direction).records(SeedDirection):
                yield DirectionSummary(record.id, record.transfer, record.answers, len(record.seen_ids))

    def rating_summary(self, iteration: int) -> RatingSummary:
        """What the ratings of one iteration look like."""
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

    def losses(self) -> tuple[LossSummary, ...]:
        """The held-out loss of each model; none while they are not measured."""
        if not self.done(self.plan.evaluation):
            return ()
        return loss_summaries(
            self.run.stage(self.plan.evaluation).records(HeldOutLoss), order=(self.plan.backward, *self.plan.models)
        )

    def _checked_kept(self, ratings: StageFolder, iteration: int) -> set[str]:
        """Ids that were kept of those a cascade would have left out: few, so that they may be held."""
        checked = {
            i for i, state in zip(ratings.column("id"), ratings.column("state"), strict=True) if state == "checked"
        }
        return checked.intersection(self.curated(iteration).column("id")) if checked else checked
