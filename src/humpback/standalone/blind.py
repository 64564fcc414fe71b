"""`humpback evaluate blind` and `unblind`: two models' answers compared by people who do not know which is whose."""

from __future__ import annotations

from pathlib import Path

from humpback.config import Config
from humpback.data_access.rows import input_digest
from humpback.errors import InputError
from humpback.evaluation.blind import blind, blind_result, read_key, unblind, write_key, write_sheet
from humpback.evaluation.comparisons import paired_files, write_comparisons
from humpback.runs.store import Run
from humpback.standalone.judge import winrate_lines
from humpback.standalone.work import PLAIN, Command, How, carry_out

_MOST_ALONE = 0.2
"""Part of the outputs that may have no partner."""


def blind_files(
    outputs: Path, baseline: Path, sheet: Path, key: Path, count: int | None, seed: int, how: How = PLAIN
) -> list[str]:
    """Writes pairs without names for people to compare, and the key; a line of counts.

    Raises:
        InputError: The two have no prompt in common, or differ on none.
        StoreError: A sheet is there already: people may have filled it in.
    """
    pairs, alone = paired_files(outputs, baseline, _MOST_ALONE)
    questions = blind(pairs, seed, count)
    if not questions:
        raise InputError(f"{outputs} and {baseline} differ on no prompt", "give outputs on one evaluation set")

    def write(_: Run) -> list[str]:
        write_key(key, questions)
        write_sheet(sheet, questions)
        left_out = f"; {alone} outputs without a partner are left out" if alone else ""
        return [f"wrote {sheet}: {len(questions)} pairs to fill in, and {key}, which says who is who{left_out}"]

    decides = {"outputs": input_digest(str(outputs)), "baseline": input_digest(str(baseline))}
    decides |= {"count": str(count), "seed": str(seed)}
    return carry_out(Command([], Config(), sheet, write, (sheet, key), (outputs, baseline), decides), how)


def unblind_files(answers: Path, key: Path, annotations: Path | None, seed: int, how: How = PLAIN) -> list[str]:
    """What people preferred: win, tie and loss with intervals; lines of figures."""
    comparisons = unblind(read_key(key), answers)
    result = blind_result(comparisons, seed)
    lines = list(winrate_lines(answers, comparisons[0], result.rate, None))
    for name, share, bounds in result.shares if result.rate.n_total else ():
        lines.append(f"  {name} {share:.1%} ({bounds.low:.1%} to {bounds.high:.1%}, Wilson)")
    if annotations is None:
        return lines
    target = annotations

    def write(_: Run) -> list[str]:
        write_comparisons(target, comparisons)
        return [*lines, f"wrote {target}"]

    decides = {"answers": input_digest(str(answers)), "key": input_digest(str(key))}
    return carry_out(Command([], Config(), target, write, (target,), (answers, key), decides), how)
