"""lm-evaluation-harness's own tasks on local rows, scored by its own model class with less work.

A suite is scored as plain text, without a chat template, as for its published figures. The harness makes the texts and
their tokens and computes the metrics from the log-likelihoods. Only the forward pass is ours (`Reader`): the head of
the model sees only the positions of the choices, batches are bounded in tokens, and choices that differ only in their
last token share a row. This module loads the harness, so import it only where work is done.
"""

from __future__ import annotations

import hashlib
import json
import logging
import random
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import lm_eval
import torch
from datasets import Dataset
from lm_eval.api.task import ConfigurableTask
from lm_eval.evaluator import evaluate
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks._yaml_loader import load_yaml
from tqdm import tqdm

from humpback.config import ModelSettings
from humpback.data_access.rows import Values
from humpback.engines.loaded_model import LoadedModel, positions_of
from humpback.errors import InputError
from humpback.evaluation.suites.catalogue import Suite
from humpback.evaluation.suites.results import Row
from humpback.models.device import pick_device, pick_dtype
from humpback.models.loading import cannot_load
from humpback.models.sources import without_progress_bars
from humpback.models.template import Template, check_template
from humpback.records import record_rng_seed

_TASKS = Path(lm_eval.__file__).parent / "tasks"
_HUB_ERRORS = (OSError, ValueError, RuntimeError)


def harness_version() -> str:
    """The version of the harness: figures of two versions may differ."""
    return version("lm_eval")


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of a suite that are scored: the harness's tasks, and which rows of each."""

    tasks: tuple[Any, ...]
    indices: tuple[tuple[int, ...], ...]
    total: int
    """Rows of the suite, drawn or not."""

    @property
    def count(self) -> int:
        """Rows that are scored."""
        return sum(map(len, self.indices))

    @property
    def digest(self) -> str:
        """Identity of the rows that are scored, and of what the harness makes of them."""
        digest = hashlib.sha256()
        for task, indices in zip(self.tasks, self.indices, strict=True):
            digest.update(f"{task.task_name}\0{task.VERSION}\0".encode())
            for index in indices:
                digest.update(json.dumps(task.eval_docs[index], sort_keys=True, default=str).encode())
        return digest.hexdigest()


def rows_of(suite: Suite, documents: Sequence[Values] | None, limit: int | None, rng_seed: int) -> Rows:
    """The harness's tasks of a suite, on local documents or on the hub's, and a seeded sample of their rows.

    Raises:
        InputError: The hub cannot be reached, or the harness has no task for the subject of a document.
    """
    with quiet():
        tasks = _hub_tasks(suite) if documents is None else _local_tasks(suite, documents)
    sizes = [len(task.eval_docs) for task in tasks]
    total = sum(sizes)
    drawn: Sequence[int] = range(total)
    if limit is not None and limit < total:
        generator = random.Random(record_rng_seed(rng_seed, "suites", suite.name))  # noqa: S311
        drawn = sorted(generator.sample(drawn, limit))
    # The numbers drawn run through all tasks of the suite; the harness counts the rows of each task from 0.
    selected, indices, start = [], [], 0
    for task, size in zip(tasks, sizes, strict=True):
        if task_indices := tuple(index - start for index in drawn if start <= index < start + size):
            selected.append(task)
            indices.append(task_indices)
        start += size
    return Rows(tuple(selected), tuple(indices), total)


def _files_of(suite: Suite) -> list[Path]:
    return sorted(_TASKS.glob(suite.tasks.replace("{subject}", "*")))


def _hub_tasks(suite: Suite) -> list[Any]:
    try:
        return [ConfigurableTask(config=_settings(file)) for file in _files_of(suite)]
    except _HUB_ERRORS as error:
        line = (str(error).splitlines() or [type(error).__name__])[0][:200]
        raise InputError(f"the rows of {suite.name} cannot be fetched from the hub ({line})",
                         f"give a file: {suite.name}=FILE") from None  # fmt: skip


def _local_tasks(suite: Suite, documents: Sequence[Values]) -> list[Any]:
    """One task for each subject where the suite has subjects: the harness's definition with local rows."""
    subjects: dict[str, list[Values]] = {}
    for document in documents:
        subjects.setdefault(str(document.get("subject") or ""), []).append(document)
    tasks = []
    for subject, rows in sorted(subjects.items()):
        file = _TASKS / suite.tasks.format(subject=subject.replace(" ", "_"))
        if not file.exists():
            raise InputError(f"'{subject}' is no subject of {suite.name}", "name it as 'abstract_algebra' in 'subject'")
        splits = {"test": Dataset.from_list(rows)}
        # The default binds this turn's splits: a plain closure would see those of the last subject.
        local = {"custom_dataset": lambda splits=splits, **_: splits, "test_split": "test", "dataset_kwargs": None}
        unused = {"training_split": None, "validation_split": None, "fewshot_split": None, "fewshot_config": None}
        tasks.append(ConfigurableTask(config=_settings(file) | local | unused))
    return tasks


def _settings(file: Path) -> dict[str, Any]:
    """The harness's own definition of a task, without few-shot examples."""
    settings = {name: value for name, value in load_yaml(file).items() if name != "tag"}
    return settings | {"num_fewshot": 0}


class Reader(HFLM):
    """The harness's model class with a forward pass that does less work for the same numbers.

    Args:
        path: Model folder.
        settings: Device, dtype and bounds.

    Raises:
        ModelError: The folder does not hold a causal language model.
    """

    def __init__(self, path: Path, settings: ModelSettings) -> None:
        device = pick_device(settings.device)
        try:
            with quiet(), without_progress_bars():
                super().__init__(
                    pretrained=str(path),
                    device=device.type,
                    dtype=pick_dtype(settings.dtype, device),
                    trust_remote_code=settings.trust_remote_code,
                )
        except (OSError, ValueError, KeyError) as error:
            raise cannot_load(path, error) from None
        template = Template(self.tokenizer, settings.date)  # gives the tokenizer a template that can be trained with
        check_template(path, template)
        self._loaded = LoadedModel(
            network=self.model,
            template=template,
            device=device,
            max_tokens=self.max_length,
            batch_tokens=settings.batch_tokens,
            vocabulary=int(self.model.config.get_text_config().vocab_size),
        )

    def loglikelihood(self, requests: list[Any], disable_tqdm: bool = False) -> list[tuple[float, bool]]:
        """Log-likelihood of each continuation of a text; with a progress bar on a terminal only."""
        return super().loglikelihood(requests, disable_tqdm=disable_tqdm or not sys.stderr.isatty())

    def _loglikelihood_tokens(
        self,
        requests: Sequence[tuple[Any, list[int], list[int]]],
        disable_tqdm: bool = False,
        override_bs: int | None = None,
    ) -> list[tuple[float, bool]]:
        """Log-likelihood of each target after its context, and whether greedy decoding would give it."""
        # Inputs that are equal up to the last target token, which is never an input, are computed once.
        by_input: dict[tuple[int, ...], list[int]] = {}
        for number, (_, context, target) in enumerate(requests):
            sequence = (*context, *target)[-(self.max_length + 1) :]
            by_input.setdefault(sequence[:-1], []).append(number)
        targets = {ids: max(len(requests[n][2]) for n in numbers) for ids, numbers in by_input.items()}
        order = sorted(by_input, key=lambda ids: (targets[ids], len(ids)))
        likelihoods: list[tuple[float, bool]] = [(0.0, False)] * len(requests)
        with tqdm(total=len(order), desc="reading", unit="texts", disable=disable_tqdm) as bar:
            for batch in self._loaded.batches(order, list(map(len, order)), [targets[ids] for ids in order]):
                logits = self._last(batch, max(targets[ids] for ids in batch))
                for row, ids in enumerate(batch):
                    for number in by_input[ids]:
                        likelihoods[number] = _likelihood(logits[row], requests[number][2])
                bar.update(len(batch))
        return likelihoods

    @torch.inference_mode()
    def _last(self, rows: Sequence[tuple[int, ...]], keep: int) -> torch.Tensor:
        """Logits at the last positions of each row, of shape (rows, keep, vocabulary)."""
        ids, mask = self._loaded.padded(rows)
        return self._loaded.logits(
            input_ids=ids, attention_mask=mask, position_ids=positions_of(mask), logits_to_keep=keep, use_cache=False
        )


def _likelihood(logits: torch.Tensor, target: Sequence[int]) -> tuple[float, bool]:
    target_logits = logits[-len(target) :].float()
    ids = torch.tensor(target, device=target_logits.device)
    log_probabilities = target_logits.gather(1, ids[:, None])[:, 0] - target_logits.logsumexp(-1)
    return float(log_probabilities.sum()), bool((target_logits.argmax(-1) == ids).all())


def read(suite: Suite, rows: Rows, reader: Reader, *, template: bool) -> list[Row]:
    """Scores the rows of a suite with a model.

    Args:
        suite: Which one.
        rows: Its tasks and rows.
        reader: The model.
        template: Put each question into the model's chat template. The published figures do not.
    """
    names = [str(task.task_name) for task in rows.tasks]
    indices = dict(zip(names, map(list, rows.indices), strict=True))
    tasks = {"tasks": dict(zip(names, rows.tasks, strict=True)), "groups": {}}
    with quiet():
        result = evaluate(reader, tasks, samples=indices, bootstrap_iters=0, apply_chat_template=template)
    if result is None:
        raise InputError("suites are read by one process", "start the command without a launcher")
    return [_row(suite, name, sample) for name in names for sample in result["samples"][name]]


def _row(suite: Suite, task: str, sample: dict[str, Any]) -> Row:
    return Row(
        task,
        int(sample["doc_id"]),
        {metric: (float(sample[metric]),) for metric in suite.metrics},
        str(sample["doc"].get(suite.group) or "") if suite.group else "",
        tuple(float(likelihood) for likelihood, _ in sample["filtered_resps"]),
    )


@contextmanager
def quiet() -> Iterator[None]:
    """Silences the log of the harness: its warnings are about options that are not used here."""
    log = logging.getLogger("lm_eval")
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(before)
