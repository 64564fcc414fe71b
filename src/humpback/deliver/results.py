"""The results of a run, read where they are needed: from its own files alone, finished or not."""

from __future__ import annotations

import heapq
import math
from array import array
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from humpback import __version__, seed
from humpback.config import Config
from humpback.corpus.survey import file_line
from humpback.curate.learning import learned_sentence
from humpback.curate.select import PEOPLE
from humpback.curate.separation import separation
from humpback.deliver.facts import LossSummary, ReasonCount, StageFacts
from humpback.deliver.report.data import DirectionSummary, RatingSummary, RunFacts, Unfinished, Unread
from humpback.deliver.report.losses import loss_summaries
from humpback.deliver.report.statistics import count_sources, rating_summary
from humpback.evaluation.comparisons import Comparison
from humpback.evaluation.winrate import in_sentences, win_rate
from humpback.method.record import PlanRecord, read_record
from humpback.method.settings_file import load_config
from humpback.prompts import use_texts
from humpback.reasons import UNREAD
from humpback.records import Curated, HeldOutLoss, Pair, Rating, SeedDirection, SignScale
from humpback.runs.store import Run, StageFolder


def model_names(plan: PlanRecord) -> dict[str, str]:
    """Each model as the paper writes it, by the name of its stage."""
    subscripts = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
    forwards = {stage: f"M{stage.rpartition('-')[2]}".translate(subscripts) for stage in plan.models}
    return {plan.backward: "M_yx", **forwards}


def some_pairs(run: Run, count: int) -> list[Curated]:
    """The best-rated pairs of the last iteration."""
    name, kind = Results(run).plan.pairs
    rows = run.stage(name).records(kind)
    return heapq.nlargest(count, rows, key=lambda row: (row.score, row.id))


_NAMED = 3
"""Documents that are named for one reason why they could not be read."""


class Results:
    """The results of one run.

    Args:
        run: Its folder.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self.config: Config = load_config(run)
        use_texts(self.config.prompts.texts)
        self.plan: PlanRecord = read_record(run)
        for name in self.plan.stages:
            run.stage(name).check()
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
        base, plan = "none (dry run)" if self.config.model.engine_spec.dry_run else self.plan.base.name, self.plan
        roles = [("base", base), ("written by", plan.writer), ("rated by", plan.rater)]
        roles += [("rewritten by", plan.rewriter), ("judged by", plan.judge)]
        return RunFacts(
            name=self.run.path.resolve().name,
            date=str(last["finished"])[:10],
            version=__version__,
            base_model=base,
            base_identity=self.plan.base.identity,
            base_licence=self.plan.base.licence,
            machine=str(last["machine"]),
            seconds=sum(float(m["counts"]["seconds"]) for m in self.manifests.values()),
            roles=tuple((does, model) for does, model in roles if model),
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
                file_line(manifest),
            )

    def documents(self) -> tuple[int, tuple[Unread, ...]]:
        """How many documents came in, and which of them could not be read; 0 while they are not all cut."""
        if not self.done(self.plan.filters[0]):
            return 0, ()
        stage = self.run.stage(self.plan.filters[0])
        names: dict[str, list[str]] = {}
        counts = Counter[str]()

        def sources() -> Iterator[str]:
            for row in stage.dropped():
                if row.reason in UNREAD:
                    counts[row.reason] += 1
                    if counts[row.reason] <= _NAMED:
                        names.setdefault(row.reason, []).append(row.source)
                yield row.source
            yield from stage.column("source")

        documents = count_sources(sources())
        passed_over = self.manifests[self.plan.filters[0]].get("files", {}).get("passed_over", {})
        unread = [Unread(reason, n, tuple(names[reason])) for reason, n in counts.most_common()]
        unread += [Unread(kind, n) for kind, n in passed_over.items()]
        return documents + sum(passed_over.values()), tuple(unread)

    def unfinished(self) -> Unfinished | None:
        """How far the run is; None where all its stages are done."""
        stages = tuple(name for name in self.plan.stages if name not in self.manifests)
        if not stages:
            return None
        begins, failures = (
            [event for event in self.run.logged(kind) if event.get("stage") == stages[0]]
            for kind in ("begin", "failed")
        )
        # The times of one clock: what failed before the last beginning has been mended, or is under way.
        error = str(failures[-1]["error"]) if begins and failures and failures[-1]["time"] >= begins[-1]["time"] else ""
        return Unfinished(len(self.manifests), stages, len(self.run.stage(stages[0]).committed()), error)

    def directions(self) -> Iterator[DirectionSummary]:
        """What segments were chosen by; nothing where none were."""
        if self.done(self.plan.direction):
            for record in self.run.stage(self.plan.direction).records(SeedDirection):
                yield DirectionSummary(record.id, record.transfer, record.answers, len(record.seen_ids))

    def rating_summary(self, iteration: int) -> RatingSummary:
        """What the ratings of one iteration look like."""
        stage = self.ratings(iteration)
        scores = array("d", (score for score in stage.column("score") if score is not None and math.isfinite(score)))
        curated = zip(self.curated(iteration).column("score"), self.curated(iteration).column("scorer"), strict=True)
        lowest_kept = min((score for score, scorer in curated if scorer != PEOPLE), default=None)
        calibration = f"calibration-{iteration}"
        scales = list(self.run.stage(calibration).records(SignScale)) if self.done(calibration) else []
        summary = rating_summary(
            stage.records(Rating),
            iteration=iteration,
            kept=self.kept(self.plan.curated[iteration - 1]),
            threshold=lowest_kept,
            separation=separation(scores, self.plan.scorer) if scores else None,
            model=self.plan.rater or self.plan.models[iteration - 1],
            kept_ids=self._checked_kept(stage, iteration),
        )
        return replace(summary, learned=learned_sentence(scales))

    def losses(self) -> tuple[LossSummary, ...]:
        """The held-out loss of each model; none while they are not measured."""
        if not self.done(self.plan.evaluation):
            return ()
        return loss_summaries(
            self.run.stage(self.plan.evaluation).records(HeldOutLoss),
            order=tuple(filter(None, (self.plan.backward, *self.plan.models))),
        )

    def rewriting(self) -> str:
        """What the rewriter made of the curated responses, in words; empty where none is named, or is not done."""
        if not self.done(self.plan.rewritten):
            return ""
        faults = Counter(self.run.stage(self.plan.rewritten).column("fault"))
        rewritten, total = faults.pop("", 0), self.kept(self.plan.rewritten)
        reasons = ", ".join(f"{fault} {count:,}" for fault, count in faults.most_common())
        not_taken = f" The other rewrites were not taken: {reasons}." if faults else ""
        return f"{self.plan.rewriter} rewrote {rewritten:,} of {total:,} curated responses.{not_taken}"

    def win_rate(self) -> str:
        """What the judge says of the last model's answers, in words; empty where none is named, or is not done."""
        if not self.done(self.plan.winrate):
            return ""
        rows = list(self.run.stage(self.plan.winrate).records(Comparison))
        names = model_names(self.plan) | {"base": "the base model"}
        model, baseline = names[rows[0].generator_2], names[rows[0].generator_1]
        return in_sentences(win_rate(rows, self.config.run.seed), model, baseline, self.plan.judge)

    def findings(self) -> tuple[str, ...]:
        """What rewriter and judge have come to, in words."""
        return tuple(filter(None, (self.rewriting(), self.win_rate())))

    def _checked_kept(self, ratings: StageFolder, iteration: int) -> set[str]:
        """Ids that were kept of those a cascade would have left out: few, so that they may be held."""
        checked = {
            i for i, state in zip(ratings.column("id"), ratings.column("state"), strict=True) if state == "checked"
        }
        return checked.intersection(self.curated(iteration).column("id")) if checked else checked
