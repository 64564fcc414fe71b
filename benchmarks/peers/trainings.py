"""One training by one contestant, on tokens that lie ready: ours, TRL as it comes, or a plain padded loop.

Started by benchmarks/training.py, each contestant in a process of its own, on the same examples in the same order:

    humpback          packed rows within each optimiser step, loss of target positions alone
    humpback-padded   the same with packing off
    trl               SFTTrainer with its defaults: padded batches of 8, activations computed twice
    trl-packing       SFTTrainer with packing: its rows of `max_length` tokens, one in each step
    plain             the loop that a tutorial shows: padded batches, the model's own loss, AdamW

Settings that are the user's to choose are alike everywhere: batch, rate, no weight decay, no dropout, clipping at 1.
Prints JSON: seconds (wall and CPU) from the first step's begin to the last one's end, losses, peak memory, and the
rate of matrix products in the same process: by `torch.matmul`, before and after, and by what `humpback` computes with.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback, set_seed

from humpback.training.cpu.products import product

RATE = 2e-5
SIDE = 1024


def matmul_rate(dtype: torch.dtype, device: str, multiply: Callable[..., Any] = torch.matmul) -> float:
    """Floating point operations in a second of a square matrix product, by wall clock."""
    left = torch.randn(SIDE, SIDE, dtype=dtype, device=device)

    def wait() -> None:
        if device == "cuda":
            torch.cuda.synchronize()

    for _ in range(3):
        multiply(left, left)
    wait()
    done, started = 0, time.perf_counter()
    while time.perf_counter() - started < 1.0:
        for _ in range(1 if device == "cpu" else 50):
            multiply(left, left)
            done += 1
        wait()
    return 2 * SIDE**3 * done / (time.perf_counter() - started)


class Clock(TrainerCallback):
    """Wall and CPU seconds between the first step's begin and the last one's end, and the loss of each step."""

    def __init__(self) -> None:
        self.wall = self.cpu = 0.0
        self.steps = 0

    def start(self) -> None:
        """The first step begins."""
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def stop(self) -> None:
        """A step has ended; the last one counts."""
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        self.wall, self.cpu = time.perf_counter() - self._wall, time.process_time() - self._cpu
        self.steps += 1

    def on_train_begin(self, *args: Any, **kwargs: Any) -> None:
        """Called by a trainer."""
        self.start()

    def on_step_end(self, *args: Any, **kwargs: Any) -> None:
        """Called by a trainer."""
        self.stop()


def humpback(spec: dict[str, Any], clock: Clock, *, packing: bool) -> tuple[list[float], bool]:
    """Our trainer, set up as a run sets it up."""
    from humpback.config import ModelSettings, TagSettings, TrainSettings
    from humpback.training.load import load
    from humpback.training.schedule import Schedule
    from humpback.training.step_rows import StepRows
    from humpback.training.tokens import open_tokens
    from humpback.training.trainer import make_trainer
    from humpback.training.training_job import TrainingJob

    size = spec["batch"]
    settings = TrainSettings(
        packing=packing, pack_tokens=spec["pack_tokens"], steps=spec["steps"], batch_size=size, micro_batch_size=size,
        learning_rate=RATE, final_learning_rate=RATE, weight_decay=0.0, dropout=0.0, checkpoint_steps=1_000_000,
        gradient_checkpointing=spec["recompute"],
    )  # fmt: skip
    model = ModelSettings(name=spec["base"], dtype=spec["dtype"], max_tokens=spec["max_tokens"], device=spec["device"])
    work = Path(spec["work"])
    schedule = Schedule(spec["steps"], size, size)
    tokens, base = Path(spec["tokens"]), Path(spec["base"])
    job = TrainingJob(
        "forward",
        base,
        model,
        settings,
        TagSettings(),
        0,
        tokens,
        None,
        schedule,
        work / "out",
        work,
        None,
        "benchmark",
    )
    loaded = load(base, model, settings)
    trainer = make_trainer(job, loaded, None)
    trainer.steps = StepRows(open_tokens(tokens), spec["order"], schedule, trainer.layout, 0)
    trainer.args.logging_steps = 1
    trainer.add_callback(clock)
    trainer.train()
    return [entry["loss"] for entry in trainer.state.log_history if "loss" in entry], trainer.layout.packing


def trl(spec: dict[str, Any], clock: Clock, *, packing: bool) -> list[float]:
    """SFTTrainer with its defaults, in the order of the others; packed, a step is one of its rows."""
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    rows = examples(spec)
    data = Dataset.from_list(
        [{"input_ids": ids, "completion_mask": [0] * start + [1] * (len(ids) - start)} for ids, start in rows]
    )
    on_cpu = spec["device"] == "cpu"
    trainer = SFTTrainer(
        model=network(spec),
        args=SFTConfig(
            output_dir=spec["work"],
            learning_rate=RATE,
            lr_scheduler_type="constant",
            num_train_epochs=1,
            per_device_train_batch_size=1 if packing else spec["batch"],
            packing=packing,
            completion_only_loss=True,
            max_length=spec["max_tokens"],
            train_sampling_strategy="sequential",
            logging_steps=1,
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
            use_cpu=on_cpu,
            bf16=spec["dtype"] == "bfloat16",
        ),
        train_dataset=data,
        processing_class=AutoTokenizer.from_pretrained(spec["base"]),
        callbacks=[clock],
    )
    trainer.train()
    return [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]


def plain(spec: dict[str, Any], clock: Clock) -> list[float]:
    """Padded batches in the order given, the model's own loss, PyTorch's AdamW."""
    model = network(spec).to(spec["device"]).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=0.0)
    rows, losses = examples(spec), []
    clock.start()
    for first in range(0, len(rows), spec["batch"]):
        batch = rows[first : first + spec["batch"]]
        width = max(len(ids) for ids, _ in batch)
        padded = [ids + [0] * (width - len(ids)) for ids, _ in batch]
        masks = [[1] * len(ids) + [0] * (width - len(ids)) for ids, _ in batch]
        labels = [[-100] * start + ids[start:] + [-100] * (width - len(ids)) for ids, start in batch]
        inputs, mask, wanted = (torch.tensor(part, device=spec["device"]) for part in (padded, masks, labels))
        with torch.autocast(spec["device"], torch.bfloat16, enabled=spec["dtype"] == "bfloat16"):
            loss = model(input_ids=inputs, attention_mask=mask, labels=wanted).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(float(loss))
        clock.stop()
    return losses


def network(spec: dict[str, Any]) -> Any:
    """The base model in float32."""
    return AutoModelForCausalLM.from_pretrained(spec["base"], dtype=torch.float32)


def examples(spec: dict[str, Any]) -> list[tuple[list[int], int]]:
    """Tokens and start of the target of each example, in the order of the training."""
    from humpback.training.tokens import open_tokens

    tokens = open_tokens(Path(spec["tokens"]))
    rows = [tokens.example(index) for index in spec["order"]]
    return [(list(row.ids), row.start) for row in rows]


def contestants(spec: dict[str, Any], clock: Clock) -> dict[str, Callable[[], Any]]:
    """What can be asked for."""
    return {
        "humpback": lambda: humpback(spec, clock, packing=True),
        "humpback-padded": lambda: humpback(spec, clock, packing=False),
        "trl": lambda: trl(spec, clock, packing=False),
        "trl-packing": lambda: trl(spec, clock, packing=True),
        "plain": lambda: plain(spec, clock),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name")
    parser.add_argument("spec", type=Path)
    arguments = parser.parse_args()
    spec = json.loads(arguments.spec.read_text())
    torch.set_num_threads(spec["threads"])
    set_seed(0)
    dtype = getattr(torch, spec["dtype"])
    rates = [matmul_rate(dtype, spec["device"])]
    clock = Clock()
    found = contestants(spec, clock)[arguments.name]()
    losses, packed = found if isinstance(found, tuple) else (found, arguments.name == "trl-packing")
    rates.append(matmul_rate(dtype, spec["device"]))
    on_gpu = spec["device"] == "cuda"
    peak = torch.cuda.max_memory_allocated() if on_gpu else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    result = {
        "seconds": clock.wall, "cpu_seconds": clock.cpu, "steps": clock.steps, "losses": losses, "packed": packed,
        "peak_bytes": peak, "matmul_flops": rates, "fastest_flops": matmul_rate(dtype, spec["device"], product),
    }  # fmt: skip
    sys.stdout.write("\nRESULT " + json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
