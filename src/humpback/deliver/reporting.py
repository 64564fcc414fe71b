"""The report of a run: made again from stored results as often as wanted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from humpback.deliver.report.data import LengthSummary, Movement, ReportData, Sample, TrainingCurve
from humpback.deliver.report.render import render
from humpback.deliver.report.samples import choose, from_curated, from_dropped, from_rating
from humpback.deliver.report.statistics import length_summary, movement
from humpback.deliver.report.verdict import verdict
from humpback.deliver.results import Results, model_names
from humpback.errors import StoreError
from humpback.method.record import PlanRecord
from humpback.method.settings_file import resolved
from humpback.records import Candidate, Curated, Dropped, Pair, Rating, Rewritten
from humpback.runs.store import Run, write_text

_SAMPLES = 12


def write_report(run: Run) -> Path:
    """Writes the report of a run, as far as it is.

    Raises:
        StoreError: Nothing is done yet, or the disk is full.
    """
    write_text(run.report_path, render(_report(Results(run))))
    return run.report_path


def conclusion(run: Run) -> tuple[str, ...]:
    """The verdict at the top of the report in plain lines: did the curated pairs help, and by how much?"""
    result = verdict(_report(Results(run)))
    comparisons = (f"    {comparison}" for comparison in result.comparisons)
    notes = (f"note: {warning}" for warning in result.warnings)
    return result.headline, result.counts, result.losses, *comparisons, *notes


def _report(results: Results) -> ReportData:
    if not results.manifests:
        raise StoreError(f"nothing is finished in {results.run.path}", "let 'humpback run' finish a stage first")
    documents, unread = results.documents()
    notes = ("This was a dry run without a model: every text and score is made up.",)
    return ReportData(
        run=results.facts(),
        segments=results.kept(results.plan.segments),
        candidates=results.kept(results.plan.candidates),
        curated=results.kept(results.plan.curated[-1]),
        stages=tuple(results.stage_facts()),
        unfinished=results.unfinished(),
        path=_path(results.plan),
        documents=documents,
        unread=unread,
        directions=tuple(results.directions()),
        lengths=tuple(_lengths(results)),
        ratings=tuple(results.rating_summary(t) for t in results.iterations()),
        movements=tuple(_movement(results, t - 1, t) for t in results.iterations() if t > 1),
        losses=results.losses(),
        findings=results.findings(),
        curves=tuple(_curves(results)),
        samples=tuple(_samples(results)),
        model_names=model_names(results.plan),
        seed_model=next((name for name in results.plan.models if name.endswith("-0")), ""),
        settings=resolved(results.config),
        notes=notes if results.config.model.engine_spec.dry_run else (),
    )


def _path(plan: PlanRecord) -> tuple[str, ...]:
    """The stages between documents and the curated set whose records are texts of documents, each once."""
    to_candidates = plan.stages[plan.stages.index(plan.segments) : plan.stages.index(plan.candidates) + 1]
    writing = (name for name in to_candidates if name not in (*plan.models, plan.backward))
    return tuple(dict.fromkeys((*plan.filters, plan.segments, *writing, plan.curated[-1])))


def _lengths(results: Results) -> Iterator[LengthSummary]:
    for name, kind in ((results.plan.seed, Pair), (results.plan.candidates, Candidate)):
        if results.done(name):
            yield length_summary(name, results.run.stage(name).records(kind))
    for t in results.iterations():
        yield length_summary(results.curated(t).name, results.curated(t).records(Curated))
    if results.done(results.plan.rewritten):
        yield length_summary(results.plan.rewritten, results.run.stage(results.plan.rewritten).records(Rewritten))


def _movement(results: Results, first: int, second: int) -> Movement:
    return movement(
        results.ratings(first).records(Rating),
        results.ratings(second).records(Rating),
        results.curated(first).column("id"),
        results.curated(second).column("id"),
        iterations=(first, second),
    )


def _curves(results: Results) -> Iterator[TrainingCurve]:
    for name, manifest in results.manifests.items():
        points = manifest.get("training", {}).get("curve", [])
        if points:
            yield TrainingCurve(
                name,
                tuple(point["step"] for point in points),
                tuple(point["loss"] for point in points),
                tuple(point["learning_rate"] for point in points),
                results.kept(name),
            )


def _samples(results: Results) -> Iterator[Sample]:
    finished = results.iterations()
    if finished:
        t, rewritten = finished[-1], results.plan.rewritten
        name, kind = (rewritten, Rewritten) if results.done(rewritten) else (results.curated(t).name, Curated)
        chosen_rows = choose(results.run.stage(name).records(kind), _SAMPLES, key=lambda row: row.id)
        yield from (from_curated(row, name) for row in chosen_rows)
        yield from _rejected(results, t)
    for name in (*results.plan.filters, results.plan.candidates):
        if results.done(name):
            dropped = choose(results.run.stage(name).dropped(), _SAMPLES // 2, key=_id)
            yield from (from_dropped(row, name) for row in dropped)


def _rejected(results: Results, iteration: int) -> Iterator[Sample]:
    """Candidates that the last iteration left out, with what their rater said."""
    dropped = choose(results.curated(iteration).dropped(), _SAMPLES // 2, key=_id)
    dropped_by_id = {row.id: row for row in dropped}
    ratings = {r.id: r for r in results.ratings(iteration).records(Rating) if r.id in dropped_by_id}
    for row in results.run.stage(results.plan.candidates).records(Candidate):
        if row.id in ratings:
            yield from_rating(row, ratings[row.id], dropped_by_id[row.id].reason, results.curated(iteration).name)


def _id(row: Dropped) -> str:
    return row.id
