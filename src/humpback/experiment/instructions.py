"""Recovered gain: what the instructions of planted answers are worth, by exchanging them and by reading under them."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Literal

from humpback.config import Config
from humpback.config.flat import flat_settings
from humpback.config.neutral import batch_settings
from humpback.experiment.planted import PLANTED, hidden_instructions, segment_name
from humpback.records import Candidate, Curated, HeldOutLoss, Outcome, Pair
from humpback.runs.stage import Inputs, MapShards, Stage, names_of, one_shard

Exchange = Literal["hidden", "shuffled"]


def exchanged(config: Config, curated: Stage, planted: Stage, how: Exchange, name: str) -> Stage:
    """The curated set with other instructions: those that were hidden, or another pair's.

    Args:
        config: The run's settings; its seed decides who gets whose.
        curated: What was selected.
        planted: The pairs that were planted.
        how: hidden or shuffled.
        name: What to call the stage.
    """

    @contextmanager
    def opened(inputs: Inputs) -> Iterator[Callable[..., Outcome[Curated]]]:
        if how == "hidden":
            instructions: Mapping[str, str] = hidden_instructions(inputs.records(planted.name, Pair))
        else:
            rows = list(inputs.records(curated.name, Curated))
            random.Random(config.run.seed).shuffle(rows)  # noqa: S311
            # Each gets the instruction of the next one in a random order, so that none keeps its own.
            instructions = {
                row.segment_id: neighbour.instruction
                for row, neighbour in zip(rows, [*rows[1:], *rows[:1]], strict=True)
            }

        def exchange(shard: Sequence[Curated]) -> Outcome[Curated]:
            rows = (replace(row, instruction=instructions.get(row.segment_id, row.instruction)) for row in shard)
            return Outcome(tuple(rows), (), len(shard))

        yield exchange

    settings = {"instructions": how} | (flat_settings(config, "run.seed") if how == "shuffled" else {})
    work = MapShards(((curated.name, Curated),), opened)
    needs = names_of(curated, planted)
    return Stage(name, f"give the selected pairs their {how} instructions", needs, settings, work, Curated)


INSTRUCTIONS = ("hidden", "written", "another")
"""Under which instructions M_0 reads the planted answers: the hidden one, the written one, another answer's."""


def read_instructions(config: Config, planted: Stage, candidates: Stage, model: Stage, name: str) -> Stage:
    """How likely M_0 finds the planted answers under three kinds of instruction: what a written one is worth."""

    def read(inputs: Inputs, part: int) -> Outcome[HeldOutLoss]:
        from humpback.evaluation.heldout import heldout_losses

        pairs = _with_instructions(
            INSTRUCTIONS[part], list(inputs.records(planted.name, Pair)), _written_instructions(inputs, candidates)
        )
        with inputs.engine(model.name) as engine:
            return heldout_losses(pairs, engine, INSTRUCTIONS[part], "forward", config.tags)

    settings = flat_settings(config, "tags", "model.max_tokens", "model.engine") | batch_settings(config.model)
    does = f"{model.name} reads the planted answers under hidden, written and other instructions"
    work = one_shard(read, len(INSTRUCTIONS))
    return Stage(name, does, names_of(planted, candidates, model), settings, work, HeldOutLoss, model=True)


def _written_instructions(inputs: Inputs, candidates: Stage) -> dict[str, str]:
    rows = inputs.records(candidates.name, Candidate)
    # Reversed, so that of several instructions for a segment the first, which is the best, stays.
    return {row.segment_id: row.instruction for row in reversed(list(rows)) if row.source == PLANTED}


def _with_instructions(kind: str, pairs: Sequence[Pair], written: Mapping[str, str]) -> list[Pair]:
    """The planted pairs for which an instruction was written, each with the instruction of that kind."""
    pairs = [pair for pair in pairs if segment_name(pair.response) in written]
    if kind == "hidden":
        return list(pairs)
    if kind == "written":
        return [replace(pair, instruction=written[segment_name(pair.response)], system="") for pair in pairs]
    return [
        replace(pair, instruction=neighbour.instruction, system=neighbour.system)
        for pair, neighbour in zip(pairs, [*pairs[1:], *pairs[:1]], strict=True)
    ]
