"""TRL's `SFTTrainer`, set up so that it trains on exactly the tokens it is given and says nothing of its own."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from peft import LoraConfig
from transformers import PrinterCallback, TrainerCallback
from trl import SFTConfig, SFTTrainer
from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

from humpback.config import TrainSettings
from humpback.finetune.checkpoints import MarkComplete
from humpback.finetune.loss import can_compute, target_loss
from humpback.finetune.schedule import Schedule, scheduler_options
from humpback.records import Direction, Dropped
from humpback.template import Example, Template

Progress = Callable[[int, int, float], None]
"""Called with steps made, all steps, and the mean loss per target token since the last call."""

_POINTS = 50
"""Points of a loss curve, about."""

_CHECKPOINTED_FROM = 1_000_000_000
"""Parameters from which activations are computed twice to save memory, on a GPU."""


@dataclass(slots=True)
class Job:
    """Everything that one training is made of."""

    direction: Direction
    settings: TrainSettings
    seed: int
    work: Path
    """Folder of the checkpoints."""
    model: Any
    tokenizer: Any
    template: Template
    dtype: torch.dtype
    examples: tuple[Example, ...]
    dropped: tuple[Dropped, ...]
    schedule: Schedule
    order: list[int]
    """Index of the example at each place of each batch."""
    identity: str
    """Names the training in its checkpoints."""


class TargetTrainer(SFTTrainer):
    """TRL's trainer without its model card and telemetry, and on a CPU with a loss of target positions alone."""

    def compute_loss(
        self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Loss per target token of the whole accumulated batch."""
        network = model.get_base_model() if hasattr(model, "get_base_model") else model
        device = inputs["input_ids"].device.type
        fused = device == "cuda" or torch.is_autocast_enabled(device) or not can_compute(network)
        if return_outputs or fused:
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        count = (inputs["labels"][:, 1:] != -100).sum() if num_items_in_batch is None else num_items_in_batch
        return target_loss(network, inputs) / count

    def create_model_card(self, *args: Any, **kwargs: Any) -> None:
        """The card is written by the export, not with each checkpoint."""

    def _send_telemetry(self) -> None:
        """Nothing is sent anywhere."""


class _Report(TrainerCallback):
    """Hands each logged loss to the caller."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
        if logs and "loss" in logs:
            self._progress(state.global_step, state.max_steps, float(logs["loss"]))


def make_trainer(job: Job, progress: Progress | None) -> TargetTrainer:
    """The trainer of a job, ready to start."""
    settings = job.settings
    rows = [job.examples[index] for index in job.order]
    dataset = Dataset.from_dict(
        {
            "input_ids": [list(row.ids) for row in rows],
            "labels": [[-100] * row.start + list(row.ids[row.start :]) for row in rows],
        }
    )
    lora = LoraConfig(
        r=settings.lora.rank,
        lora_alpha=settings.lora.alpha,
        lora_dropout=settings.dropout,
        target_modules="all-linear",
        task_type="CAUSAL_LM",
    )
    callbacks: list[TrainerCallback] = [MarkComplete(job.work, job.identity)]
    if progress is not None:
        callbacks.append(_Report(progress))
    with warnings.catch_warnings():  # PEFT still asks for the old name of the property
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing` is deprecated", FutureWarning)
        trainer = TargetTrainer(
            model=job.model,
            args=_arguments(job),
            data_collator=DataCollatorForLanguageModeling(pad_token_id=job.template.pad_id),
            train_dataset=dataset,
            processing_class=job.tokenizer,
            callbacks=callbacks,
            peft_config=lora if settings.method == "lora" else None,
        )
    trainer.remove_callback(PrinterCallback)
    return trainer


def _arguments(job: Job) -> SFTConfig:
    settings = job.settings
    device = job.model.device.type
    steps = job.schedule.steps
    arguments = SFTConfig(
        output_dir=str(job.work),
        seed=job.seed,
        max_steps=steps,
        per_device_train_batch_size=job.schedule.micro_batch_size,
        gradient_accumulation_steps=job.schedule.accumulation,
        train_sampling_strategy="sequential",
        learning_rate=settings.learning_rate,
        weight_decay=settings.weight_decay,
        max_grad_norm=settings.max_grad_norm,
        **scheduler_options(settings),
        logging_steps=max(1, steps // _POINTS),
        logging_nan_inf_filter=False,
        save_strategy="steps" if settings.checkpoint_steps < steps else "no",
        save_steps=settings.checkpoint_steps,
        bf16=job.dtype is torch.bfloat16,
        fp16=False,
        use_cpu=device == "cpu",
        activation_checkpointing=device == "cuda" and job.model.num_parameters() >= _CHECKPOINTED_FROM,
        max_length=None,
        dataset_kwargs={"skip_prepare_dataset": True},
        dataloader_pin_memory=device == "cuda",
        disable_tqdm=True,
        report_to="none",
        push_to_hub=False,
    )
    if arguments.n_gpu > 1:  # one process, one device: TRL refuses nn.DataParallel
        arguments._n_gpu = 1
    return arguments
