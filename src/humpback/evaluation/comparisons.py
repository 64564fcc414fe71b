"""Outputs of models and comparisons of two of them, read and written in AlpacaEval's formats.

`model_outputs.json` is a list of {instruction, output, generator, dataset}; `annotations.json` a list of {instruction,
output_1, generator_1, output_2, generator_2, dataset, annotator, preference}. generator_1 is the baseline, generator_2
the model. A preference of 1 is for the baseline, 2 for the model, 1.5 is a tie; values between say how sure the judge
is. The judge's replies stand in further columns, which AlpacaEval ignores.
"""

from __future__ import annotations

import json
import math
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

from humpback.data_access.atomic import output_file
from humpback.data_access.rows import Values, file_rows
from humpback.errors import InputError
from humpback.prompts import split_reasoning
from humpback.records import content_id
from humpback.text.contamination.prompts import prompt_texts

_Row = TypeVar("_Row")
_MARKS = str.maketrans("‘’“”", "''\"\"", "\u200b\u200c\u200d\u2060\ufeff\u00ad")
_ANSWERS = ("output", "response", "answer", "completion", "generation")


@dataclass(frozen=True, slots=True)
class Output:
    """The answer of one model to one prompt."""

    instruction: str
    output: str
    generator: str
    dataset: str = ""
    reasoning: str = ""
    """What the model thought before its answer; neither judged nor measured."""


@dataclass(frozen=True, slots=True)
class Judging:
    """How to ask a judge."""

    seed: int = 0
    max_new_tokens: int = 512
    tries: int = 2
    """How often to ask about a pair without a verdict: the first time greedily, then drawn as below."""
    temperature: float = 0.7
    top_p: float = 0.9


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two answers to one prompt, and which is preferred."""

    instruction: str
    output_1: str
    output_2: str
    generator_1: str
    generator_2: str
    dataset: str = ""
    annotator: str = ""
    preference: float | None = None
    """1 to 2; None: not judged, or the judge gave no verdict. Never a default."""
    verdicts: tuple[str, ...] = ()
    """In each order, that with output_1 first before the other: '1', '2', 'tie', 'same', or why there is none."""
    replies: tuple[str, ...] = ()
    tries: int = 0
    """How often the judge was asked without giving two verdicts, so that the next try is another draw."""
    index: int = 0
    """Position in the evaluation set, from 0."""
    reasoning: tuple[str, ...] = ()
    """What the judge thought before each reply; empty where it marks no reasoning."""

    @property
    def id(self) -> str:
        """Identity of the pair of answers; the judge is not part of it."""
        return content_id(self.instruction, self.output_1, self.output_2, self.generator_1, self.generator_2)

    def row(self) -> Values:
        """The comparison as a row of `annotations.json`."""
        return {
            "instruction": self.instruction,
            "output_1": self.output_1,
            "generator_1": self.generator_1,
            "dataset": self.dataset,
            "output_2": self.output_2,
            "generator_2": self.generator_2,
            "annotator": self.annotator,
            "preference": self.preference,
            "raw_completion": list(self.replies),
            **({"judge_reasoning": list(self.reasoning)} if self.reasoning else {}),
            "verdicts": list(self.verdicts),
            "tries": self.tries,
            "index": self.index,
        }


def read_outputs(path: Path) -> list[Output]:
    """Reads `model_outputs.json`, or any table of prompts and answers. Reasoning is split off the answers.

    Raises:
        InputError: A row has no instruction or no output, or there is none.
    """
    outputs = []
    for number, row in file_rows(path):
        prompts = [] if isinstance(row.get("instruction"), str) and not row.get("input") else prompt_texts(row)[:1]
        instruction = prompts[0] if prompts else _text(row, "instruction", path, number)
        name = next((name for name in _ANSWERS if isinstance(row.get(name), str)), "output")
        thought, output = split_reasoning(_text(row, name, path, number))
        reasoning = "\n\n".join(filter(None, (str(row.get("reasoning") or ""), thought)))
        generator, dataset = str(row.get("generator") or path.stem), str(row.get("dataset") or "")
        outputs.append(Output(instruction, output, generator, dataset, reasoning))
    return _not_empty(outputs, path)


def write_outputs(path: Path, outputs: Iterable[Output]) -> None:
    """Writes `model_outputs.json`."""
    rows = map(asdict, outputs)
    write_json(path, [{name: value for name, value in row.items() if value or name != "reasoning"} for row in rows])


def read_comparisons(path: Path) -> list[Comparison]:
    """Reads `annotations.json`, AlpacaEval's or ours.

    Raises:
        InputError: A column is missing, or there is no row.
    """
    return _not_empty([comparison_of(row, path, number) for number, row in file_rows(path)], path)


def comparison_of(row: Values, path: Path, number: int) -> Comparison:
    """One row of `annotations.json`; `number` is its position in the file, from 1.

    Raises:
        InputError: A column is missing or holds a value of another type.
    """
    if "preference" not in row:
        raise InputError(
            f"{path} row {number} has no preference", "give annotations, as 'humpback evaluate judge' writes"
        )
    index, tries, texts = row.get("index"), row.get("tries"), {}
    for name in ("instruction", "output_1", "output_2"):
        texts[name] = _text(row, name, path, number)
    return Comparison(
        **texts,
        generator_1=str(row.get("generator_1") or "1"),
        generator_2=str(row.get("generator_2") or "2"),
        dataset=str(row.get("dataset") or ""),
        annotator=str(row.get("annotator") or ""),
        preference=preference_of(row["preference"]),
        verdicts=_texts(row.get("verdicts")),
        replies=_texts(row.get("raw_completion")),
        reasoning=_texts(row.get("judge_reasoning")),
        tries=tries if isinstance(tries, int) else 0,
        index=index if isinstance(index, int) else number - 1,
    )


def write_comparisons(path: Path, comparisons: Iterable[Comparison]) -> None:
    """Writes `annotations.json`."""
    write_json(path, [comparison.row() for comparison in comparisons])


def preference_of(value: object) -> float | None:
    """A preference as AlpacaEval stores it: 1 to 2, or 0 for a tie (its older form); None for anything else."""
    try:
        number = float(str(value))
    except ValueError:
        return None
    if number == 0:
        return 1.5
    return number if math.isfinite(number) and 1 <= number <= 2 else None


def pair_up(baseline: Sequence[Output], model: Sequence[Output]) -> tuple[list[Comparison], int]:
    """Comparisons of two models on the prompts that both answered, in the baseline's order.

    Joined by the prompt, never by position: the same one first, then the same but for white space, ways to encode it,
    quotation marks and case. Where a prompt occurs several times, first answers are paired with first answers, second
    with second.

    Returns:
        The comparisons, not yet judged, and how many outputs of both sides have no partner.
    """
    partners: dict[int, Output] = {}
    unpaired = list(model)
    for key in (str.strip, _loose):
        by_prompt: dict[str, list[Output]] = {}
        for output in reversed(unpaired):  # so that `pop` takes the first one
            by_prompt.setdefault(key(output.instruction), []).append(output)
        for index, first in enumerate(baseline):
            if index not in partners and by_prompt.get(key(first.instruction)):
                partners[index] = by_prompt[key(first.instruction)].pop()
        unpaired = [output for outputs in by_prompt.values() for output in reversed(outputs)]  # in order again
    comparisons = [
        Comparison(
            first.instruction, first.output, partners[index].output, first.generator, partners[index].generator,
            first.dataset or partners[index].dataset, index=index,
        )
        for index, first in enumerate(baseline) if index in partners
    ]  # fmt: skip
    return comparisons, len(baseline) + len(model) - 2 * len(comparisons)


def paired_files(outputs: Path, baseline: Path, most_alone: float) -> tuple[list[Comparison], int]:
    """The comparisons of two files of outputs, and how many outputs of both have no partner.

    Raises:
        InputError: More than `most_alone` of the first file's have none, or all.
    """
    model = read_outputs(outputs)
    pairs, alone = pair_up(read_outputs(baseline), model)
    missing = len(model) - len(pairs)
    if not pairs or missing > most_alone * len(model):
        share = f"{missing} of the {len(model)} prompts in {outputs} are not in {baseline}"
        raise InputError(
            share if pairs else f"{outputs} and {baseline} have no prompt in common",
            "give outputs on one evaluation set, or leave the others out",
        )
    only_model(pairs)
    return pairs, alone


def _loose(prompt: str) -> str:
    """A prompt without what nobody would tell two prompts by."""
    text = unicodedata.normalize("NFC", prompt).translate(_MARKS)
    return " ".join(text.split()).casefold()


def only_model(comparisons: Sequence[Comparison]) -> tuple[str, str]:
    """The baseline and the model that these comparisons are about.

    Raises:
        InputError: There are several.
    """
    names = Counter((comparison.generator_1, comparison.generator_2) for comparison in comparisons)
    if len(names) != 1:
        listed = "; ".join(f"{model} against {baseline}" for baseline, model in sorted(names)[:5]) or "none"
        raise InputError(f"one file of annotations must be about one model and one baseline, not {listed}", "split it")
    return next(iter(names))


def write_json(path: Path, value: object) -> None:
    """Writes a JSON file, which appears under its name only when it is complete.

    Raises:
        InputError: The file cannot be written.
    """
    with output_file(path, "w") as file:
        json.dump(value, file, ensure_ascii=False, indent=1, allow_nan=False)
        file.write("\n")


def _text(row: Values, name: str, path: Path, number: int) -> str:
    value = row.get(name)
    if not isinstance(value, str):
        columns = ", ".join(map(str, row))
        raise InputError(f"{path} row {number} has no text in '{name}' (columns: {columns})", "rename the column")
    return value


def _texts(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    return tuple(map(str, value)) if isinstance(value, list) else ()


def _not_empty(rows: list[_Row], path: Path) -> list[_Row]:
    if not rows:
        raise InputError(f"{path} has no rows", "give another file")
    return rows
