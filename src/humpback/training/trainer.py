"""TRL's `SFTTrainer`, set up so that it trains on exactly the tokens it is given and says nothing of its own."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import torch
from peft import LoraConfig
from torch.utils.data import DataLoader
from transformers import PrinterCallback, TrainerCallback
from trl import SFTConfig, SFTTrainer
from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

from humpback.config import TrainSettings
from humpback.training.attention import use_packing
from humpback.training.checkpoints import MarkComplete
from humpback.training.cpu.loss import add_target_loss, can_compute, spare_embeddings
from humpback.training.load import TrainableModel, set_dropout, without_peft_warnings
from humpback.training.schedule import order_of_examples, scheduler_options
from humpback.training.step_rows import RowLayout, StepRows
from humpback.training.tokens import Tokens, open_tokens
from humpback.training.training_job import TrainingJob

Progress = Callable[[int, int, float], None]
"""Called after each step with steps done, all steps, and the mean loss per target token as it was logged last; that is
not a number before the first log."""

_POINTS = 50
"""Points of a loss curve, about."""

_CHECKPOINTED_FROM = 1_000_000_000
"""Parameters from which activations are computed twice to save memory, on a GPU."""

_RECOMPUTE = next(
    name for name in ("activation_checkpointing", "gradient_checkpointing") if name in SFTConfig.__dataclass_fields__
)
"""What the setting is called: by its second name before transformers 5.23, to which vLLM holds its environment."""

_PROBE = 32
"""Tokens of the examples that packing is tried on."""


class TargetTrainer(SFTTrainer):
    """TRL's trainer on whole optimiser steps, without its model card and telemetry.

    One item of its data is one step: rows of packed or padded examples, as many as the step needs. The loss counts
    every target token of the step alike, whatever row and device it is on. On a CPU it comes from the target positions
    alone.
    """

    steps: StepRows
    layout: RowLayout

    def get_train_dataloader(self) -> DataLoader[dict[str, Any]]:
        """One item a step, this device's part of it."""
        return DataLoader(self.steps, batch_size=1, collate_fn=_only)

    def training_step(self, model: Any, inputs: Any, num_items_in_batch: Any = None) -> torch.Tensor:
        """Forward and backward through all rows of a step; devices share gradients after the last."""
        model.train()
        rows, total = inputs["rows"], torch.zeros((), device=self.args.device)
        for number, row in enumerate(rows):
            last = number == len(rows) - 1
            with nullcontext() if last else self.accelerator.no_sync(model):
                with self.compute_loss_context_manager():
                    loss = self.compute_loss(model, self._prepare_inputs(row), num_items_in_batch=inputs["targets"])
                self.accelerator.backward(loss)
            total += loss.detach()
        return total

    def compute_loss(
        self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """A row's part of the loss per target token of the whole step, times the devices that it is averaged over."""
        network = self.accelerator.unwrap_model(model)
        network = network.get_base_model() if hasattr(network, "get_base_model") else network
        if return_outputs or inputs["input_ids"].device.type == "cuda" or not can_compute(network):
            count = torch.tensor(num_items_in_batch, device=inputs["input_ids"].device)
            return super().compute_loss(model, inputs, return_outputs, count)
        return model(**inputs, summed_loss=True) * (self.accelerator.num_processes / num_items_in_batch)

    def floating_point_ops(self, inputs: Any) -> int:
        """Not counted: a step is not the batch that the library's formula is for."""
        return 0

    def create_model_card(self, *args: Any, **kwargs: Any) -> None:
        """The card is written by the export, not with each checkpoint."""

    def _send_telemetry(self) -> None:
        """Nothing is sent anywhere."""


def _only(items: list[dict[str, Any]]) -> dict[str, Any]:
    """An item of the data is a whole step already, so there is nothing to collate."""
    return items[0]


class _Report(TrainerCallback):
    """Tells the caller of each step, with the loss that was logged last."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._loss = math.nan

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.global_step % args.logging_steps:  # the others are told when their loss is logged
            self._progress(state.global_step, state.max_steps, self._loss)

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
        if logs and "loss" in logs:
            self._loss = float(logs["loss"])
            self._progress(state.global_step, state.max_steps, self._loss)


def make_trainer(job: TrainingJob, loaded: TrainableModel, progress: Progress | None) -> TargetTrainer:
    """The trainer of a job, ready to start."""
    settings = job.settings
    tokens = open_tokens(job.tokens)
    packing = settings.packing and use_packing(loaded.model, _probe(loaded.model, tokens))
    set_dropout(loaded.model, settings.dropout)
    callbacks: list[TrainerCallback] = [MarkComplete(job.work, job.identity, settings.keep_checkpoints)]
    if progress is not None:
        callbacks.append(_Report(progress))
    with without_peft_warnings():
        trainer = TargetTrainer(
            model=loaded.model,
            args=_arguments(job, loaded),
            data_collator=DataCollatorForLanguageModeling(pad_token_id=loaded.template.pad_id),
            train_dataset=tokens.rows,
            processing_class=loaded.template.tokenizer,
            callbacks=callbacks,
            peft_config=None if settings.method == "full" else adapters(settings),
        )
    trainer.remove_callback(PrinterCallback)
    network = trainer.model.get_base_model() if hasattr(trainer.model, "get_base_model") else trainer.model
    add_target_loss(network)
    devices = trainer.accelerator.num_processes
    if devices == 1:
        spare_embeddings(network)
    trainer.layout = RowLayout.of(settings, job.schedule, loaded.template.pad_id, packing, devices)
    order = order_of_examples(tokens.from_seed, job.schedule, job.seed)
    trainer.steps = StepRows(tokens, order, job.schedule, trainer.layout, trainer.accelerator.process_index)
    return trainer


def adapters(settings: TrainSettings) -> LoraConfig:
    """The low-rank adapters of a training: on every linear layer but the head."""
    return LoraConfig(
        r=settings.lora.rank,
        lora_alpha=settings.lora.alpha,
        lora_dropout=settings.dropout,
        target_modules="all-linear",
        task_type="CAUSAL_LM",
    )


def _probe(model: Any, tokens: Tokens) -> list[tuple[int, ...]]:
    """The beginnings of two examples, and the longest one where it is longer than what a token of the model sees."""
    samples = [tokens.example(index).ids[:_PROBE] for index in (0, len(tokens) - 1)]
    config = model.config.get_text_config()
    windows = [getattr(config, name, None) for name in ("sliding_window", "attention_chunk_size")]
    window = min((size for size in windows if size), default=None)
    if window is not None and tokens.lengths.max() > window:
        samples.append(tokens.example(int(tokens.lengths.argmax())).ids)
    return samples


def _arguments(job: TrainingJob, loaded: TrainableModel) -> SFTConfig:
    settings = job.settings
    steps = job.schedule.steps
    on_gpu = loaded.device.type == "cuda"
    if settings.tracker == "tensorboard":  # the only way to tell it where
        os.environ["TENSORBOARD_LOGGING_DIR"] = str(job.model_folder / "runs")
    arguments = SFTConfig(
        output_dir=str(job.work),
        seed=job.seed,
        max_steps=steps,
        per_device_train_batch_size=1,
        gradient_accumulation_steps=1,
        train_sampling_strategy="sequential",
        learning_rate=settings.learning_rate,
        weight_decay=settings.weight_decay,
        max_grad_norm=settings.max_grad_norm,
        **scheduler_options(settings),
        optim="paged_adamw_8bit" if settings.method == "qlora" and on_gpu else "adamw_torch_fused",
        logging_steps=max(1, steps // _POINTS),
        logging_nan_inf_filter=False,
        save_strategy="steps" if settings.checkpoint_steps < steps else "no",
        save_steps=settings.checkpoint_steps,
        bf16=loaded.dtype is torch.bfloat16,
        fp16=False,
        use_cpu=loaded.device.type == "cpu",
        **_devices(settings, loaded),
        max_length=None,
        dataset_kwargs={"skip_prepare_dataset": True},
        dataloader_pin_memory=on_gpu,
        disable_tqdm=True,
        report_to=settings.tracker,
        run_name=f"{job.direction}-{job.identity[:8]}",
        push_to_hub=False,
    )
    if arguments.n_gpu > 1:  # one process, one device: TRL refuses nn.DataParallel
        arguments._n_gpu = 1
    return arguments


def _devices(settings: TrainSettings, loaded: TrainableModel) -> dict[str, Any]:
    """How the processes share their work, and whether activations are kept."""
    on_gpu = loaded.device.type == "cuda"
    together = int(os.environ.get("WORLD_SIZE", "1")) > 1
    sharded = settings.shard and together
    recompute = settings.gradient_checkpointing
    if recompute is None:
        recompute = on_gpu and loaded.model.num_parameters() >= _CHECKPOINTED_FROM
    return {
        "ddp_backend": "gloo" if together and not on_gpu else None,
        "fsdp": True if sharded else None,
        "fsdp_config": {"activation_checkpointing": recompute} if sharded else None,
        _RECOMPUTE: recompute and not sharded,
    }
