"""What one device computes in each optimiser step: rows of examples as tensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils.data import Dataset

from humpback.config import TrainSettings
from humpback.models.template import Example
from humpback.training.attention import packed_inputs
from humpback.training.schedule import Order, Schedule
from humpback.training.sequence_packing import (
    Lengths,
    Row,
    packed_rows,
    padded_rows,
    split_over_devices,
    with_equal_counts,
)
from humpback.training.tokens import Tokens

_NO_LABEL = -100


@dataclass(frozen=True, slots=True)
class RowLayout:
    """How a step's examples go through the model.

    Attributes:
        packing: Whether examples stand behind one another in a row; else each has its own, with padding.
        row_tokens: Tokens in a packed row.
        batch: Examples in a padded batch.
        pad_id: What fills padded rows.
        devices: How many share a step.
    """

    packing: bool
    row_tokens: int
    batch: int
    pad_id: int
    devices: int = 1

    @classmethod
    def of(cls, settings: TrainSettings, schedule: Schedule, pad_id: int, packing: bool, devices: int) -> RowLayout:
        """The layout that the settings ask for."""
        return cls(packing, settings.pack_tokens, schedule.micro_batch_size, pad_id, devices)

    def rows(self, lengths: Lengths, examples: Sequence[int]) -> list[list[Row]]:
        """The rows of each device for the examples of one step."""
        shares = split_over_devices(lengths, examples, self.devices) if self.devices > 1 else [list(examples)]
        if self.packing:
            rows = [packed_rows(lengths, share, self.row_tokens) for share in shares]
        else:
            rows = [padded_rows(lengths, share, self.batch) for share in shares]
        most = max(map(len, rows))
        return [with_equal_counts(part, most) for part in rows]

    def tensors(self, examples: Sequence[Example]) -> dict[str, Any]:
        """One row as the model's inputs, with labels.

        The first token of an example has no label: what comes before it in the row is another example.
        """
        if not examples:  # no loss, but the other devices wait for this one to compute
            examples = [Example((self.pad_id, self.pad_id), 2)]
        labels = list(map(_labels, examples))
        if self.packing:
            return packed_inputs([e.ids for e in examples]) | {
                "labels": torch.tensor([[x for row in labels for x in row]])
            }
        width = max(len(e.ids) for e in examples)
        missing = [width - len(e.ids) for e in examples]
        return {
            "input_ids": torch.tensor([[*e.ids, *[self.pad_id] * m] for e, m in zip(examples, missing, strict=True)]),
            "attention_mask": torch.tensor(
                [[1] * len(e.ids) + [0] * m for e, m in zip(examples, missing, strict=True)]
            ),
            "labels": torch.tensor([[*row, *[_NO_LABEL] * m] for row, m in zip(labels, missing, strict=True)]),
        }


def _labels(example: Example) -> list[int]:
    labels = list(example.ids)
    for begin, end in ((0, max(1, example.start)), *example.gaps):
        labels[begin:end] = [_NO_LABEL] * (end - begin)
    return labels


class StepRows(Dataset[dict[str, Any]]):
    """The rows of every step of a training, for one device; read from the disk when they are asked for.

    Args:
        tokens: The examples.
        order: Index of the example at each place of each batch.
        schedule: Steps and batch.
        layout: How a step's examples go through the model.
        device: Which of the devices this is.
    """

    def __init__(self, tokens: Tokens, order: Order, schedule: Schedule, layout: RowLayout, device: int) -> None:
        self._tokens = tokens
        self._order = order
        self._schedule = schedule
        self._layout = layout
        self._device = device

    def __len__(self) -> int:
        return self._schedule.steps

    def __getitem__(self, step: int) -> dict[str, Any]:
        """Rows of tensors, and the target tokens of the whole step on all devices."""
        size = self._schedule.batch_size
        examples = [int(index) for index in self._order[step * size : (step + 1) * size]]
        rows = self._layout.rows(self._tokens.lengths, examples)[self._device]
        return {
            "rows": [self._layout.tensors([self._tokens.example(index) for index in row]) for row in rows],
            "targets": sum(int(self._tokens.targets[index]) for index in examples),
        }
