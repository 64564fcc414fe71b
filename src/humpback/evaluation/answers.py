"""A model answers the prompts of an evaluation set, with both tags, as at inference (paper, section 2.2)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from humpback.config import TagSettings
from humpback.data_access.rows import file_rows
from humpback.engines.base import ALONE, NO_ANSWER, Engine, answers, usage_of
from humpback.errors import InputError
from humpback.evaluation.comparisons import Output
from humpback.prompts import forward_messages
from humpback.records import Dropped, Outcome, record_rng_seed
from humpback.requests import Request, Sampling
from humpback.text.contamination.prompts import prompt_texts

_STAGE = "answer"


@dataclass(frozen=True, slots=True)
class Answering:
    """How a model is asked. The decoding is the paper's (section 3.1)."""

    seed: int = 0
    max_new_tokens: int = 1024
    temperature: float = 0.7
    top_p: float = 0.9


@dataclass(frozen=True, slots=True)
class EvalPrompt:
    """One prompt of an evaluation set."""

    instruction: str
    dataset: str


def read_prompt_set(path: Path) -> Iterator[EvalPrompt]:
    """The prompts of a table or a text file, by any usual column name; of a conversation its first turn.

    Raises:
        InputError: The file is missing, damaged, empty or of an unknown kind, or a row asks nothing.
    """
    name = path.name.split(".")[0]
    empty = True
    for number, row in file_rows(path, text_lines=True):
        texts = prompt_texts(row)
        if not texts:
            columns = ", ".join(map(str, row))
            raise InputError(f"{path} row {number} asks nothing (columns: {columns})",
                             "call the column with the prompt 'instruction'")  # fmt: skip
        empty = False
        yield EvalPrompt(texts[0], str(row.get("dataset") or name))
    if empty:
        raise InputError(f"{path} holds no prompts", "give another file")


def answer(
    prompts: Sequence[EvalPrompt], engine: Engine, generator: str, tags: TagSettings, settings: Answering
) -> Outcome[Output]:
    """Lets a model answer prompts, in their order; a prompt that it cannot answer is dropped with the reason."""
    sampling = [
        Sampling(
            settings.max_new_tokens, settings.temperature, settings.top_p,
            record_rng_seed(settings.seed, _STAGE, prompt.instruction),
        )
        for prompt in prompts
    ]  # fmt: skip
    requests = [
        Request(str(number), forward_messages(prompt.instruction, tags, ("seed", "augmented")), drawing)
        for number, (prompt, drawing) in enumerate(zip(prompts, sampling, strict=True))
    ]
    completions = answers(engine, requests)
    outputs, dropped = [], []
    for number, prompt in enumerate(prompts):
        completion = completions.get(str(number))
        if completion is None or completion.error or not completion.text.strip():
            reason = "no answer" if completion is None or completion.error else "empty answer"
            detail = completion.error or (ALONE if completion.reasoning else "") if completion else NO_ANSWER
            dropped.append(Dropped(str(number), reason, detail, prompt.dataset, prompt.instruction[:200]))
        else:
            text = completion.text.strip()
            outputs.append(Output(prompt.instruction, text, generator, prompt.dataset, completion.reasoning))
    usage = usage_of(completions.values())
    return Outcome(tuple(outputs), tuple(dropped), len(prompts), usage)
