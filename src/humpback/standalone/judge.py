"""`humpback evaluate judge` and `winrate`: which of two models' answers a judge prefers, and how often."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from humpback.config import Config
from humpback.data_access.rows import input_digest
from humpback.errors import ConfigError, InputError, StageError
from humpback.evaluation.comparisons import (
    Comparison,
    Judging,
    only_model,
    paired_files,
    read_comparisons,
    write_comparisons,
)
from humpback.evaluation.leaderboard import read_difficulty, read_gamed, update_leaderboard
from humpback.evaluation.length_control import FEWEST, Difficulty, LengthControlled, joint_difficulty, length_controlled
from humpback.evaluation.winrate import WinRate, win_rate
from humpback.method.evaluation import judge_pairs
from humpback.method.rows import read_rows
from humpback.method.settings_file import with_changes
from humpback.prompts import prompt_digest
from humpback.runs.stage import ExternalModel
from humpback.runs.store import Run
from humpback.standalone.work import PLAIN, Command, How, carry_out, spent_lines
from humpback.statistics.figures import shown, span


def judge_files(
    outputs: Path,
    baseline: Path,
    model: str,
    annotations: Path,
    judging: Judging,
    changes: list[str],
    max_unjudged: float,
    how: How = PLAIN,
) -> Iterator[str]:
    """Lets a judge compare two models' outputs and writes annotations in AlpacaEval's form; lines of figures.

    Where the file is there already, the verdicts of the same judge stand; where it gave none, it is asked again.

    Args:
        outputs: The model's outputs.
        baseline: The baseline's, on the same prompts.
        model: The judge.
        annotations: Annotations to write.
        judging: How it is asked.
        changes: Settings, as NAME=VALUE.
        max_unjudged: Part of the outputs that may have no partner, and of the pairs that may have no verdict.
        how: How the command is carried out.

    Raises:
        InputError: More outputs than `max_unjudged` allows, or all, have no partner.
        StageError: More pairs than `max_unjudged` allows have no verdict; what there is was written.
    """
    config = with_changes(Config.model_validate({"model": {"name": model}}), changes)
    pairs, alone = paired_files(outputs, baseline, max_unjudged)
    digests = {"outputs": input_digest(str(outputs)), "baseline": input_digest(str(baseline))}
    read = read_rows("pairs", lambda: _with_verdicts(pairs, annotations), Comparison, config, digests)
    settings = {"model.max_tokens": config.model.max_tokens, **asdict(judging)}
    settings |= {"prompts": prompt_digest("judge", settings=config.prompts)}
    verdicts = judge_pairs("verdicts", [read], ExternalModel("judge", config.model), judging, settings)

    def rate(run: Run) -> WinRate:
        return win_rate(list(run.stage(verdicts.name).records(Comparison)), judging.seed)

    def write(run: Run) -> list[str]:
        write_comparisons(annotations, run.stage(verdicts.name).records(Comparison))
        return [*winrate_lines(annotations, pairs[0], rate(run), None), *spent_lines(run)]

    def complete(run: Run) -> bool:
        return rate(run).unjudged == 0

    if alone:
        yield f"{alone} outputs have no partner and are left out"
    yield from carry_out(
        Command([read, verdicts], config, annotations, write, (annotations,), (outputs, baseline), complete=complete),
        how,
    )
    _refuse_unjudged(annotations, len(pairs), judging.seed, max_unjudged)


def _refuse_unjudged(annotations: Path, pairs: int, seed: int, max_unjudged: float) -> None:
    result = win_rate(read_comparisons(annotations), seed)
    if result.unjudged > max_unjudged * pairs:
        raise StageError(
            f"{result.unjudged} of {pairs} pairs have no verdict ({_counts_in_words(Counter(dict(result.reasons)))})",
            f"{annotations} holds those that have; run it again to ask for the others, or take another judge",
        )


def winrate_files(
    annotations: Sequence[Path], difficulty: str, gamed: Sequence[Path], leaderboard: Path | None, seed: int
) -> Iterator[str]:
    """The win rates that annotations give, plain and length-controlled; lines of figures.

    Args:
        annotations: One file for each model.
        difficulty: File of the prompts' difficulties; 'joint' to learn them from all the annotations; '' for none.
        gamed: Comparisons with gamed versions of the baseline.
        leaderboard: CSV file to put the figures into.
        seed: Of the bootstrap.
    """
    if gamed and not annotations:
        raise ConfigError("there are no annotations", "give one file for each model")
    models = [read_comparisons(path) for path in annotations]
    hard: Difficulty | None = None
    if difficulty == "joint":
        hard = joint_difficulty(models)
    elif difficulty:
        hard = read_difficulty(Path(difficulty))
    gamed_rows = read_gamed(gamed)
    for path, rows in zip(annotations, models, strict=True):
        _, model = only_model(rows)
        rate = win_rate(rows, seed)
        controlled = length_controlled(rows, hard, gamed_rows, seed) if rate.n_total >= FEWEST else None
        yield from winrate_lines(path, rows[0], rate, controlled)
        if controlled is None:
            yield f"  not length-controlled: too few preferences ({rate.n_total}, it takes {FEWEST})"
        if leaderboard is not None:
            update_leaderboard(leaderboard, model, rate, controlled)
    if leaderboard is not None:
        yield f"wrote {leaderboard}"


def _with_verdicts(pairs: Sequence[Comparison], annotations: Path) -> Iterator[Comparison]:
    """The pairs with what a judge said of them before, whichever judge that was."""
    try:
        before = {row.id: row for row in read_comparisons(annotations)} if annotations.exists() else {}
    except InputError:  # no annotations, which --force overwrites
        before = {}
    for pair in pairs:
        judged = before.get(pair.id)
        yield replace(judged, dataset=pair.dataset, index=pair.index) if judged else pair


def winrate_lines(
    path: Path, comparison: Comparison, rate: WinRate, controlled: LengthControlled | None
) -> Iterator[str]:
    """The figures of one file of annotations, line by line."""
    yield f"{path}: {comparison.generator_2} against {comparison.generator_1}"
    if rate.n_total:
        yield f"  win rate {shown(rate.win_rate, '.2f')} % (" + (
            f"95 % {span(rate.interval, '.2f')}, bootstrap over prompts; standard error {rate.standard_error:.2f})"
            if not math.isnan(rate.interval.low)
            else "no interval: one prompt)"
        )
    yield f"  {rate.n_wins} wins, {rate.n_draws} ties, {rate.n_wins_base} losses, {rate.unjudged} without a verdict"
    if rate.reasons:
        yield f"  verdicts missing: {_counts_in_words(Counter(dict(rate.reasons)))}"
    if rate.agreement is not None:
        leaning = "" if rate.first_share is None else f"; of those for one side {rate.first_share:.0%} name the first"
        yield f"  both orders agree on {rate.agreement:.0%} of the pairs{leaning}"
    if controlled is not None:
        error = controlled.standard_error
        error_note = "" if error is None else f"; standard error by AlpacaEval's formula {error:.2f}"
        yield (
            f"  length-controlled {shown(controlled.win_rate, '.2f')} % (95 % {span(controlled.interval, '.2f')}, "
            f"bootstrap over prompts{error_note}; {controlled.form})"
        )
        if error is None:
            yield "  not comparable with AlpacaEval's leaderboard: that takes --difficulty and --gamed df_gamed.csv"


def _counts_in_words(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {reason}" for reason, count in counts.most_common()) or "no reasons"
