"""`humpback evaluate scaling` and `diversity`: what more data is worth, and how diverse instructions are."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from humpback.evaluation.answers import read_prompt_set
from humpback.evaluation.diversity import diversity
from humpback.evaluation.scaling import fit_scaling, read_points
from humpback.evaluation.verbs import requests_lines, requests_of
from humpback.statistics.figures import shown, span
from humpback.statistics.intervals import Interval


def scaling_lines(table: Path) -> Iterator[str]:
    """The line w = alpha log N + C of each data set of a table; lines of figures."""
    yield "w = alpha log N + C; alpha is in percentage points, 95 % intervals"
    for fit in fit_scaling(read_points(table)):
        yield f"{fit.data}: {fit.points} points, {fit.method}, R2 {shown(fit.r_squared, '.3f')}"
        for name, factor in (("natural log", math.e), ("each doubling", 2), ("each tenfold", 10)):
            by = math.log(factor)
            scaled = Interval(fit.alpha_interval.low * by, fit.alpha_interval.high * by)
            yield f"  alpha {shown(fit.alpha_for(factor), '.2f')} ({span(scaled, '.2f')}), {name}"
        yield f"  C {shown(fit.constant, '.2f')} ({span(fit.constant_interval, '.2f')})"


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
        measured = diversity(texts, size, seed)
        figures: tuple[float, ...] = (*measured.distinct, measured.entropy, measured.rare_words, measured.nearest)
        figures += (measured.clusters, measured.alone, measured.largest)
        cells = [shown(value, ".3f") if isinstance(value, float) else str(value) for value in figures]
        yield "  ".join(value.rjust(len(name)) for value, name in zip(cells, names, strict=True)) + f"  {path}"
    if parser:
        for path, texts in zip(files, drawn, strict=True):
            drawn_texts = random.Random(seed).sample(texts, size)  # noqa: S311
            yield from requests_lines(str(path), requests_of(drawn_texts, parser))


def _reservoir(texts: Iterable[str], size: int, seed: int) -> list[str]:
    """A seeded sample of a stream, each text as likely as another; all where there are no more."""
    draw = random.Random(seed)  # noqa: S311
    reservoir: list[str] = []
    for number, text in enumerate(texts):
        if number < size:
            reservoir.append(text)
        elif (slot := draw.randrange(number + 1)) < size:
            reservoir[slot] = text
    return reservoir
