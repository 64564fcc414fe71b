"""Ends a training when the loss on held-out pairs no longer falls, and restores the best weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save
from transformers import TrainerCallback

from humpback.config import TrainSettings
from humpback.data_access.atomic import atomic_file
from humpback.training.tokens import Tokens

_NAME = "heldout_loss"
_FILE = "best.safetensors"


class StopEarly(TrainerCallback):
    """Measures the held-out loss every so many steps.

    The losses stand in the trainer's log, and with it in each checkpoint. A training that continues has the checks
    before the checkpoint, and repeats those after it with the same result.

    Args:
        trainer: The trainer that is watched.
        heldout: Pairs that are not trained on.
        settings: When to check, and when to end.
        work: Where the best weights are kept meanwhile.
    """

    def __init__(self, trainer: Any, heldout: Tokens, settings: TrainSettings, work: Path) -> None:
        self._trainer = trainer
        self._heldout = heldout
        self._settings = settings
        self._work = work

    @property
    def checks(self) -> tuple[tuple[int, float], ...]:
        """Step and held-out loss of each check so far."""
        history = self._trainer.state.log_history
        return tuple((int(entry["step"]), float(entry[_NAME])) for entry in history if _NAME in entry)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Checks, keeps the weights if they are the best so far, and ends the training if none were for long."""
        if state.global_step % self._settings.early_stop_steps:
            return
        loss = self._loss()
        best = min((value for _, value in self.checks), default=float("inf"))
        logs = control.should_log
        self._trainer.log({_NAME: loss})
        control.should_log = logs  # logging the check must not count as logging the loss of the steps
        if loss < best:
            self._keep()
        values = [value for _, value in self.checks]
        since = len(values) - 1 - values.index(min(values))
        if since >= self._settings.early_stop_checks:
            control.should_training_stop = control.should_log = True
            control.should_save = False

    def restore_best(self) -> None:
        """Puts the weights of the best check back, whichever devices hold them."""
        if not self.checks:
            return
        best = load_file(self._work / _FILE)
        with torch.no_grad():
            for name, weight in self._weights().items():
                weight.copy_(best[name].to(weight.device))

    def _loss(self) -> float:
        trainer, tokens = self._trainer, self._heldout
        layout = trainer.layout
        total, count = 0.0, 0
        was_training = trainer.model.training
        trainer.model.eval()
        rows = type(layout)(layout.packing, layout.row_tokens, layout.batch, layout.pad_id).rows(
            tokens.lengths, range(len(tokens))
        )[0]
        with torch.no_grad(), trainer.compute_loss_context_manager():
            for row in rows:
                examples = [tokens.example(index) for index in row]
                targets = sum(example.targets for example in examples)
                inputs = trainer._prepare_inputs(layout.tensors(examples))
                share = trainer.compute_loss(trainer.model_wrapped, inputs, num_items_in_batch=targets)
                total += float(share) * targets / trainer.accelerator.num_processes
                count += targets
        trainer.model.train(was_training)
        return total / count

    def _weights(self) -> dict[str, torch.Tensor]:
        model = self._trainer.accelerator.unwrap_model(self._trainer.model)
        return {name: weight for name, weight in model.named_parameters() if weight.requires_grad}

    def _keep(self) -> None:
        if not self._trainer.accelerator.is_main_process:
            return
        weights = {name: weight.detach().cpu().contiguous() for name, weight in self._weights().items()}
        with atomic_file(self._work / _FILE) as file:
            file.write(save(weights))
