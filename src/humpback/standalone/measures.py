"""The measures on anybody's files: answers of a model, judgements, win rates, scaling, diversity, blind comparison.

What costs a model's time is kept in a journal beside the file that is made, flushed after every few prompts: the same
command goes on after a kill.
"""

from __future__ import annotations

import json
import math
import os
import random
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from humpback.config import Config
from humpback.data_access.rows import Values
from humpback.errors import ConfigError, InputError, StageError
from humpback.evaluate.answers import Answering, answer, read_prompt_set
from humpback.evaluate.blind import blind, blind_result, read_key, unblind, write_key, write_sheet
from humpback.evaluate.comparisons import (
    Comparison,
    Output,
    comparison_of,
    only_model,
    pair_up,
    read_comparisons,
    read_outputs,
    write_comparisons,
    write_outputs,
)
from humpback.evaluate.diversity import diversity
from humpback.evaluate.leaderboard import read_difficulty, read_gamed, update_leaderboard
from humpback.evaluate.length_control import Difficulty, LengthControlled, joint_difficulty, length_controlled
from humpback.evaluate.scaling import fit_scaling, read_points
from humpback.evaluate.verbs import requests_lines, requests_of
from humpback.evaluate.winrate import Judging, WinRate, judge, win_rate
from humpback.method.settings_file import with_changes
from humpback.records import content_id

_WINDOW = 64
"""Prompts between two flushes of the journal."""


def answer_files(
    prompts: Path, model: str, out: Path, name: str, settings: Answering, changes: list[str]
) -> Iterator[str]:
    """Lets a model answer an evaluation set and writes its outputs in AlpacaEval's form; lines of counts.

    Raises:
        StageError: No prompt was answered.
    """
    from humpback.engines.open import open_engine

    config = with_changes(Config.model_validate({"model": {"name": model}}), changes)
    asked = list(read_prompt_set(prompts))
    generator = name or Path(model).name
    journal = _Journal(out)
    made: list[Output] = []
    reasons: Counter[str] = Counter()
    with open_engine(config.model) as engine:
        how = content_id(engine.model, repr(settings), config.tags.model_dump_json(), generator)
        before = {str(row["key"]): str(row["output"]) for row in journal.rows()}
        for start in range(0, len(asked), _WINDOW):
            window = asked[start : start + _WINDOW]
            keys = [content_id(how, prompt.instruction) for prompt in window]
            missing = [prompt for prompt, key in zip(window, keys, strict=True) if key not in before]
            outcome = answer(missing, engine, generator, config.tags, settings)
            reasons.update(item.reason for item in outcome.dropped)
            rows: list[Values] = [{"key": content_id(how, o.instruction), "output": o.output} for o in outcome.kept]
            journal.add(rows)
            before |= {str(row["key"]): str(row["output"]) for row in rows}
            pairs = zip(window, keys, strict=True)
            made += [Output(p.instruction, before[key], generator, p.dataset) for p, key in pairs if key in before]
    if not made:
        raise StageError(f"none of {len(asked)} prompts was answered ({_listed(reasons)})", "look at the model")
    write_outputs(out, made)
    journal.remove()
    left = f", {sum(reasons.values())} not: {_listed(reasons)}" if reasons else ""
    yield f"wrote {out}: {len(made)} of {len(asked)} prompts answered by {generator}{left}"


def judge_files(
    outputs: Path, baseline: Path, model: str, out: Path, settings: Judging, changes: list[str], max_unjudged: float
) -> Iterator[str]:
    """Lets a judge compare two models' outputs and writes annotations in AlpacaEval's form; lines of figures.

    Where the file is there already, the verdicts of the same judge stand; where it gave none, it is asked again.

    Raises:
        InputError: The two have no prompt in common.
        StageError: More pairs than `max_unjudged` allows have no verdict; what there is was written.
    """
    from humpback.engines.open import open_engine

    config = with_changes(Config.model_validate({"model": {"name": model}}), changes)
    pairs, alone = pair_up(read_outputs(baseline), read_outputs(outputs))
    if not pairs:
        raise InputError(f"{outputs} and {baseline} have no prompt in common", "give outputs on one evaluation set")
    only_model(pairs)
    journal = _Journal(out)
    known = {one.id: one for one in read_comparisons(out)} if out.exists() else {}
    known |= {one.id: one for one in (comparison_of(row, journal.path, n) for n, row in enumerate(journal.rows(), 1))}
    begun = [_with_verdicts(pair, known.get(pair.id)) for pair in pairs]
    judged: list[Comparison] = []
    with open_engine(config.model) as engine:
        for start in range(0, len(begun), _WINDOW):
            window = begun[start : start + _WINDOW]
            done = judge(window, engine, settings)
            journal.add([new.row() for new, old in zip(done, window, strict=True) if new != old])
            judged += done
    write_comparisons(out, judged)
    journal.remove()
    if alone:
        yield f"{alone} outputs have no partner and are left out"
    rate = win_rate(judged, settings.seed)
    yield from _lines(out, judged[0], rate, None)
    if rate.unjudged > max_unjudged * len(judged):
        raise StageError(
            f"{rate.unjudged} of {len(judged)} pairs have no verdict ({_listed(Counter(dict(rate.reasons)))})",
            f"{out} holds those that have; the same command asks for the others again, or take another judge",
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
    held = read_gamed(gamed)
    for path, rows in zip(annotations, models, strict=True):
        _, model = only_model(rows)
        rate = win_rate(rows, seed)
        controlled = length_controlled(rows, hard, held)
        yield from _lines(path, rows[0], rate, controlled)
        if leaderboard is not None:
            update_leaderboard(leaderboard, model, rate, controlled)
    if leaderboard is not None:
        yield f"wrote {leaderboard}"


def scaling_lines(table: Path) -> Iterator[str]:
    """The line w = alpha log N + C of each data set of a table; lines of figures."""
    yield "w = alpha log N + C; alpha is in percentage points, 95 % intervals"
    for fit in fit_scaling(read_points(table)):
        low, high = fit.alpha_interval.low, fit.alpha_interval.high
        yield f"{fit.data}: {fit.points} points, {fit.method}, R2 {fit.r_squared:.3f}"
        for name, factor in (("natural log", math.e), ("each doubling", 2), ("each tenfold", 10)):
            by = math.log(factor)
            yield f"  alpha {fit.alpha_for(factor):.2f} ({low * by:.2f} to {high * by:.2f}), {name}"
        yield f"  C {fit.constant:.2f} ({fit.constant_interval.low:.2f} to {fit.constant_interval.high:.2f})"


def diversity_lines(files: Sequence[Path], sample: int, seed: int, parser: str = "") -> Iterator[str]:
    """How diverse the instructions of each file are, on samples of one size; lines of a table.

    The size is that of the smallest file, where that is below `sample`. With a spaCy pipeline as `parser` also what
    they ask for: root verbs and their objects.
    """
    drawn = [_reservoir((prompt.instruction for prompt in read_prompt_set(path)), sample, seed) for path in files]
    size = min(map(len, drawn))
    yield f"{size} instructions of each; similarity is Jaccard's, of word 2-grams, .5 and above is alike"
    names = ("distinct 1", "2", "3", "4-grams", "entropy", "rare words", "nearest", "clusters", "alone", "largest")
    yield "  ".join(names) + "  file"
    for path, texts in zip(files, drawn, strict=True):
        found = diversity(texts, size, seed)
        figures = (*found.distinct, found.entropy, found.rare_words, found.nearest, found.clusters, found.alone)
        shown = [f"{value:.3f}" if isinstance(value, float) else str(value) for value in (*figures, found.largest)]
        yield "  ".join(value.rjust(len(name)) for value, name in zip(shown, names, strict=True)) + f"  {path}"
    if parser:
        for path, texts in zip(files, drawn, strict=True):
            some = random.Random(seed).sample(texts, size)  # noqa: S311
            yield from requests_lines(str(path), requests_of(some, parser))


def blind_files(outputs: Path, baseline: Path, sheet: Path, key: Path, count: int | None, seed: int) -> Iterator[str]:
    """Writes pairs without names for people to compare, and the key; a line of counts.

    Raises:
        InputError: The two have no prompt in common, or differ on none.
    """
    pairs, alone = pair_up(read_outputs(baseline), read_outputs(outputs))
    questions = blind(pairs, seed, count)
    if not questions:
        raise InputError(f"{outputs} and {baseline} differ on no prompt", "give outputs on one evaluation set")
    only_model(pairs)
    write_key(key, questions)
    write_sheet(sheet, questions)
    left = f"; {alone} outputs without a partner are left out" if alone else ""
    yield f"wrote {sheet}: {len(questions)} pairs to fill in, and {key}, which says who is who{left}"


def unblind_files(answers: Path, key: Path, out: Path | None, seed: int) -> Iterator[str]:
    """What people preferred: win, tie and loss with intervals; lines of figures."""
    found = unblind(read_key(key), answers)
    result = blind_result(found, seed)
    yield from _lines(answers, found[0], result.rate, None)
    for name, share, bounds in result.shares:
        yield f"  {name} {share:.1%} ({bounds.low:.1%} to {bounds.high:.1%}, Wilson)"
    if out is not None:
        write_comparisons(out, found)
        yield f"wrote {out}"


def _reservoir(texts: Iterable[str], size: int, seed: int) -> list[str]:
    """A seeded sample of a stream, each text as likely as another; all where there are no more."""
    draw = random.Random(seed)  # noqa: S311
    kept: list[str] = []
    for number, text in enumerate(texts):
        if number < size:
            kept.append(text)
        elif (place := draw.randrange(number + 1)) < size:
            kept[place] = text
    return kept


class _Journal:
    """Rows beside a file that is being made; each call of `add` is on the disk when it returns."""

    def __init__(self, out: Path) -> None:
        self.path = out.with_name(f".{out.name}.work.jsonl")

    def rows(self) -> Iterator[Values]:
        """What is there; a last line that a kill cut short is cut off, so that what follows begins a line."""
        if not self.path.exists():
            return
        data = self.path.read_bytes()
        whole = data[: data.rfind(b"\n") + 1]
        if len(whole) < len(data):
            os.truncate(self.path, len(whole))
        for line in whole.splitlines():
            yield json.loads(line)

    def add(self, rows: Iterable[Values]) -> None:
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        if not lines:
            return
        try:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(lines)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise InputError(f"cannot write {self.path} ({error.strerror or error})", "choose another place") from None

    def remove(self) -> None:
        self.path.unlink(missing_ok=True)


def _with_verdicts(pair: Comparison, known: Comparison | None) -> Comparison:
    if known is None:
        return pair
    return Comparison(
        pair.instruction, pair.output_1, pair.output_2, pair.generator_1, pair.generator_2, pair.dataset,
        known.annotator, known.preference, known.verdicts, known.replies, known.tries, pair.index,
    )  # fmt: skip


def _lines(path: Path, one: Comparison, rate: WinRate, controlled: LengthControlled | None) -> Iterator[str]:
    yield f"{path}: {one.generator_2} against {one.generator_1}"
    if rate.n_total:
        yield (
            f"  win rate {rate.win_rate:.2f} % (95 % {rate.interval.low:.2f} to {rate.interval.high:.2f}, "
            f"bootstrap over prompts; standard error {rate.standard_error:.2f})"
        )
    yield f"  {rate.n_wins} wins, {rate.n_draws} ties, {rate.n_wins_base} losses, {rate.unjudged} without a verdict"
    if rate.reasons:
        yield f"  verdicts missing: {_listed(Counter(dict(rate.reasons)))}"
    if rate.agreement is not None:
        place = "" if rate.first_share is None else f"; of those for one side {rate.first_share:.0%} name the first"
        yield f"  both orders agree on {rate.agreement:.0%} of the pairs{place}"
    if controlled is not None:
        yield (
            f"  length-controlled {controlled.win_rate:.2f} % (standard error {controlled.standard_error:.2f}; "
            f"{controlled.form})"
        )


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {reason}" for reason, count in counts.most_common()) or "no reasons"
