"""Rows of question files, in their usual layouts, to the documents that the harness reads.

Each layout becomes a `Question`; each suite makes its documents of one. So any layout serves any suite with that number
of choices.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from string import ascii_uppercase

from humpback.data_access.rows import Values

_LISTED_CHOICES = re.compile(
    r"Please choose the correct \w+ to the question: (.+)\n\nAnswer format: [\w/]+\s*", re.DOTALL
)
_CHOICE = re.compile(r"(?:\n\n| )(?:Answer|Solution)\d+: ")
_CHOICE_NAME = re.compile(r"(?:answer|solution)(\d+)")
_LAST_SENTENCE = re.compile(r"(.*[.!?]) (.+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Question:
    """A question with its choices.

    Attributes:
        text: The question, after its context where the two are one text.
        choices: The answers to choose from.
        answer: Index of the right one.
        context: The context of the question, where the layout has it separately.
        subject: The field that it belongs to, where the layout says so.
    """

    text: str
    choices: tuple[str, ...]
    answer: int
    context: str = ""
    subject: str = ""


def question_of(row: Values) -> Question | None:
    """The question of a row; None where no layout matches or there is no answer."""
    for layout in _LAYOUTS:
        question = layout(row)
        if question is not None:
            return question if question.text.strip() and 0 <= question.answer < len(question.choices) else None
    return None


def _prompt(row: Values) -> Question | None:
    """An instruction that lists the choices, and the name of one as its answer: 'answer2'."""
    listed = _LISTED_CHOICES.fullmatch(str(row.get("instruction")))
    answer = _CHOICE_NAME.fullmatch(str(row.get("answer")))
    if not listed or not answer:
        return None
    text, *choices = _CHOICE.split(listed[1])
    return Question(text, tuple(choices), int(answer[1]) - 1)


def _two_solutions(row: Values) -> Question | None:
    """PIQA's own: goal, sol1, sol2, label 0 or 1."""
    if not {"goal", "sol1", "sol2"} <= row.keys():
        return None
    return Question(str(row["goal"]), (str(row["sol1"]), str(row["sol2"])), _index(row.get("label"), "01"))


def _three_answers(row: Values) -> Question | None:
    """Social IQa's own: context, question, answerA to answerC, and label 1 to 3 or correct A to C."""
    names = ("answerA", "answerB", "answerC")
    if not {"context", "question", *names} <= row.keys():
        return None
    answer = _index(row.get("label"), "123") if "label" in row else _index(row.get("correct"), "ABC")
    return Question(str(row["question"]), tuple(str(row[name]) for name in names), answer, str(row["context"]))


def _labelled_choices(row: Values) -> Question | None:
    """ARC's and OpenBookQA's, as first published (question.stem, question.choices) or as on the hub; answerKey."""
    stem: object = row.get("question", row.get("question_stem"))
    choices: object = row.get("choices")
    if isinstance(stem, Mapping):
        choices = stem.get("choices")
        stem = stem.get("stem")
    if "answerKey" not in row or not isinstance(stem, str):
        return None
    if isinstance(choices, Mapping):
        texts, labels = _list(choices.get("text")), _list(choices.get("label"))
    else:
        items = [item for item in _list(choices) if isinstance(item, Mapping)]
        texts, labels = [item.get("text") for item in items], [item.get("label") for item in items]
    key = str(row["answerKey"]).strip()
    return Question(stem, tuple(map(str, texts)), labels.index(key) if key in labels else -1)


def _listed_choices(row: Values) -> Question | None:
    """MMLU's: question, choices (a list, or columns A to D), answer as a number from 0 or a letter."""
    choices = row.get("choices", [row[letter] for letter in "ABCD" if letter in row])
    if not isinstance(row.get("question"), str) or not isinstance(choices, list) or "answer" not in row:
        return None
    label = row["answer"]
    answer = label if isinstance(label, int) else max(_index(label, ascii_uppercase), _index(label, "0123456789"))
    return Question(str(row["question"]), tuple(map(str, choices)), answer, subject=str(row.get("subject") or ""))


_LAYOUTS: tuple[Callable[[Values], Question | None], ...] = (
    _prompt, _two_solutions, _three_answers, _labelled_choices, _listed_choices,
)  # fmt: skip


def _index(label: object, labels: str) -> int:
    """Index of the label; -1 where it is none of them."""
    text = str(label).strip()
    return labels.index(text) if len(text) == 1 and text in labels else -1


def _list(value: object) -> Sequence[object]:
    return value if isinstance(value, list | tuple) else []


def arc(question: Question) -> Values:
    """A document of the harness's ARC tasks."""
    return {"question": question.text, **_choices(question)}


def openbookqa(question: Question) -> Values:
    """A document of the harness's OpenBookQA task."""
    return {"question_stem": question.text, **_choices(question)}


def _choices(question: Question) -> Values:
    labels = list(ascii_uppercase[: len(question.choices)])
    return {"choices": {"text": list(question.choices), "label": labels}, "answerKey": labels[question.answer]}


def piqa(question: Question) -> Values:
    """A document of the harness's PIQA task."""
    first, second = question.choices
    return {"goal": question.text, "sol1": first, "sol2": second, "label": question.answer}


def social_iqa(question: Question) -> Values:
    """A document of the harness's Social IQa task, which puts context and question together with a space."""
    context, text = question.context, question.text
    if not context:
        # The harness joins the two with a space, so wherever they are split here, the model reads the same text.
        sentences = _LAST_SENTENCE.fullmatch(text)
        context, text = (sentences[1], sentences[2]) if sentences else text.split(" ", 1)
    names = ("answerA", "answerB", "answerC")
    answers = dict(zip(names, question.choices, strict=True))
    return {"context": context, "question": text, **answers, "label": str(question.answer + 1)}


def mmlu(question: Question) -> Values:
    """A document of the harness's MMLU tasks."""
    return {
        "question": question.text, "choices": list(question.choices), "answer": question.answer,
        "subject": question.subject,
    }  # fmt: skip
