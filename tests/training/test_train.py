"""Real trainings of a tiny model: what they learn, what they leave on the disk, what they refuse."""

from __future__ import annotations

import dataclasses
import gc
import json
import math
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from peft import get_peft_model_state_dict
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaForCausalLM

from humpback.config import ModelSettings, TagSettings, TrainSettings
from humpback.errors import ModelError, StageError, StoreError
from humpback.models.template import Template, check_template
from humpback.records import Pair
from humpback.training.cpu.loss import can_compute, target_loss
from humpback.training.load import load, merge_adapters, set_dropout
from humpback.training.memory_limits import limits_explained
from humpback.training.run_training import write_model
from humpback.training.schedule import order_of_examples
from humpback.training.tokens import open_tokens
from humpback.training.train import prepare
from humpback.training.trainer import _Report, adapters, make_trainer
from humpback.training.training_job import TrainingJob

from .rendering import build_examples

pytestmark = pytest.mark.training


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model.safetensors")


def distance(one: Path, other: Path) -> float:
    left, right = weights(one), weights(other)
    assert left.keys() == right.keys()
    return max(float((left[name] - right[name]).abs().max()) for name in left)


@pytest.fixture
def job(tiny_model: Path, tmp_path: Path, pairs: list[Pair]) -> TrainingJob:
    """A training with adapters, prepared and not yet begun."""
    model = ModelSettings(name=str(tiny_model), device="cpu", max_tokens=256)
    settings = TrainSettings(method="lora", steps=3, batch_size=4, micro_batch_size=2, learning_rate=1e-2)
    out, work = tmp_path / "model", tmp_path / "work"
    return prepare(pairs, tiny_model, "forward", model, settings, TagSettings(), 0, out, work)


@pytest.mark.parametrize("direction", ["forward", "backward"])
def test_the_loss_falls_and_the_curve_tells(train: Any, direction: str) -> None:
    seen: list[tuple[int, int, float]] = []
    summary = train(direction=direction, steps=20, learning_rate=1e-2, progress=lambda *args: seen.append(args))
    assert summary.curve[0].loss > 5
    assert summary.final_loss < 0.6 * summary.curve[0].loss
    assert [point.step for point in summary.curve] == list(range(1, 21))
    assert seen == [(point.step, 20, point.loss) for point in summary.curve]
    assert summary.curve[0].learning_rate == pytest.approx(1e-2)
    assert summary.curve[-1].learning_rate == pytest.approx(1e-4 + (1e-2 - 1e-4) / 20)
    assert (summary.pairs, summary.examples, summary.steps, summary.batch_size) == (20, 20, 20, 4)
    assert 0 < summary.target_tokens < summary.tokens


def test_every_step_is_told_with_the_loss_that_was_logged_last() -> None:
    seen: list[tuple[int, int, float]] = []
    report, args = _Report(lambda *step: seen.append(step)), SimpleNamespace(logging_steps=2)
    for step in (1, 2, 3, 4):
        state = SimpleNamespace(global_step=step, max_steps=4)
        report.on_step_end(args, state, None)
        if step % 2 == 0:
            report.on_log(args, state, None, logs={"loss": 10 / step})
    assert [step for step, _, _ in seen] == [1, 2, 3, 4]
    assert math.isnan(seen[0][2])
    assert [loss for _, _, loss in seen[1:]] == [5.0, 5.0, 2.5]


def test_what_is_left_on_the_disk(train: Any, tmp_path: Path, tiny_model: Path) -> None:
    summary = train("model", dropout=0.3)
    folder = tmp_path / "model"
    assert {path.name for path in folder.iterdir()} == {
        "chat_template.jinja",
        "config.json",
        "generation_config.json",
        "humpback.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    }
    about = json.loads((folder / "humpback.json").read_text())
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert about["template"] == Template(tokenizer).identity
    assert about["direction"] == "forward"
    assert about["tags"]["seed"] == TagSettings().seed
    assert about["final_loss"] == summary.final_loss
    assert about["settings"]["dropout"] == 0.3
    config = json.loads((folder / "config.json").read_text())
    assert config["attention_dropout"] == 0.0
    assert json.loads((tiny_model / "config.json").read_text())["tie_word_embeddings"] is True
    generation = json.loads((folder / "generation_config.json").read_text())
    assert generation["eos_token_id"] == [tokenizer.eos_token_id]
    assert not list((tmp_path / "model-work").iterdir())


@pytest.mark.parametrize("method", ["full", pytest.param("lora", marks=pytest.mark.slow)])
@pytest.mark.parametrize("fixture", ["tiny_model", "tiny_chat_model"])
def test_the_folder_loads_and_writes(
    train: Any, tmp_path: Path, request: pytest.FixtureRequest, fixture: str, method: str
) -> None:
    base: Path = request.getfixturevalue(fixture)
    train(base=base, method=method)
    assert distance(tmp_path / "model", base) > 0
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "model")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "model")
    tied = model.get_input_embeddings().weight is model.get_output_embeddings().weight
    assert tied == (fixture == "tiny_model")
    template = Template(tokenizer)
    assert set(model.generation_config.eos_token_id) == set(template.stop_ids)
    ids = torch.tensor([tokenizer("How do I bake bread?").input_ids])
    assert model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=3).shape[1] <= ids.shape[1] + 3
    check_template(tmp_path / "model", template)


def test_another_template_is_refused(train: Any, tmp_path: Path, tiny_model: Path) -> None:
    train()
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "model")
    tokenizer.chat_template = "{{ bos_token }}" + tokenizer.chat_template
    with pytest.raises(ModelError, match="another chat template"):
        check_template(tmp_path / "model", Template(tokenizer))
    check_template(tiny_model, Template(tokenizer))


def test_the_same_seed_gives_the_same_weights(train: Any, tmp_path: Path) -> None:
    train("one", dropout=0.2)
    train("two", dropout=0.2)
    train("other", dropout=0.2, seed=1)
    assert distance(tmp_path / "one", tmp_path / "two") == 0
    assert distance(tmp_path / "one", tmp_path / "other") > 0


def test_accumulated_batches_equal_one_big_batch(train: Any, tmp_path: Path) -> None:
    """Averaging each forward pass by itself would move weights by about the learning rate, 1e-3."""
    for micro in (1, 2, 4):
        train(f"micro-{micro}", micro_batch_size=micro, max_grad_norm=0)
    assert distance(tmp_path / "micro-4", tmp_path / "micro-1") < 2e-5
    assert distance(tmp_path / "micro-4", tmp_path / "micro-2") < 2e-5


def test_the_logged_loss_is_that_of_a_target_token(train: Any, tmp_path: Path, tiny_model: Path) -> None:
    """One step at a rate of nearly nothing on one batch: the loss is computed here by hand from all logits."""
    short, long = Pair("1", "Salt?", "Yes.", "seed", "t"), Pair("2", "Wind?", "The wind. " * 9, "seed", "t")
    summary = train(data=[short, long], steps=1, batch_size=2, micro_batch_size=1, learning_rate=1e-12,
                    final_learning_rate=0)  # fmt: skip
    template = Template(AutoTokenizer.from_pretrained(tiny_model))
    model = AutoModelForCausalLM.from_pretrained(tiny_model).eval()
    nats = tokens = 0.0
    for example in build_examples([short, long], "forward", template, TagSettings(), 256).kept:
        ids = torch.tensor(example.ids)
        scores = model(ids[None]).logits[0].detach().log_softmax(-1)
        nats -= float(scores[torch.arange(example.start - 1, len(ids) - 1), ids[example.start :]].sum())
        tokens += len(ids) - example.start
    assert summary.curve[0].loss == pytest.approx(nats / tokens, rel=1e-4)


@pytest.mark.parametrize("bias", [True, False])
def test_the_loss_of_target_positions_is_that_of_all_logits(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch, bias: bool
) -> None:
    """Value and gradients of our loss against PyTorch on all logits, in tiles of a few rows and pieces of ten words,
    with a soft cap."""
    monkeypatch.setattr("humpback.training.cpu.loss._PIECE_CELLS", 480)
    model = AutoModelForCausalLM.from_pretrained(tiny_model)
    if bias:
        model.lm_head.bias = torch.nn.Parameter(torch.linspace(-1, 1, model.config.vocab_size))
    model.config.final_logit_softcapping = 5.0
    ids = torch.randint(5, 300, (3, 12), generator=torch.Generator().manual_seed(0))
    labels = ids.clone()
    labels[:, :7] = -100
    labels[1, 10:] = -100
    inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": labels}
    assert can_compute(model)
    ours = target_loss(model, inputs, cells=1200) / 7
    ours.backward()
    gradients = {name: parameter.grad.clone() for name, parameter in model.named_parameters()}
    model.zero_grad()
    logits = 5.0 * torch.tanh(model(ids).logits / 5.0)
    theirs = torch.nn.functional.cross_entropy(
        logits[:, :-1].reshape(-1, logits.shape[-1]), labels[:, 1:].reshape(-1), reduction="sum"
    )
    (theirs / 7).backward()
    assert ours.item() == pytest.approx(theirs.item() / 7, rel=1e-5)
    for name, parameter in model.named_parameters():
        assert torch.allclose(gradients[name], parameter.grad, atol=1e-5), name


def test_the_merged_model_answers_as_the_model_with_its_adapter(
    job: TrainingJob, tmp_path: Path, tiny_model: Path
) -> None:
    loaded = load(job.base, job.model, job.settings)
    trainer = make_trainer(job, loaded, None)
    trainer.train()
    ids = torch.arange(5, 60)[None]
    trainer.model.eval().set_attn_implementation("sdpa")
    with torch.no_grad():
        before = trainer.model(ids).logits
        write_model(trainer, job, loaded, {})
        after = AutoModelForCausalLM.from_pretrained(tmp_path / "model")(ids).logits
        base = AutoModelForCausalLM.from_pretrained(tiny_model)(ids).logits
    assert torch.allclose(before, after, atol=1e-5)
    assert not torch.allclose(base, after, atol=1e-2)
    old, new = weights(tiny_model), weights(tmp_path / "model")
    assert old.keys() == new.keys()
    assert torch.equal(old["model.embed_tokens.weight"], new["model.embed_tokens.weight"])
    changed = {name for name in old if name.endswith("proj.weight") and not torch.equal(old[name], new[name])}
    assert len(changed) == 2 * 7


def test_adapters_merged_into_a_fresh_base_are_the_same_model(job: TrainingJob, tmp_path: Path) -> None:
    """The way of adapters trained on a base in 4 bits, or split over devices, into the weights."""
    loaded = load(job.base, job.model, job.settings)
    trainer = make_trainer(job, loaded, None)
    trainer.train()
    adapted = get_peft_model_state_dict(trainer.model)
    fresh = merge_adapters(job.base, job.model, adapters(job.settings), adapted, torch.float32).state_dict()
    merged = trainer.model.merge_and_unload().state_dict()
    assert fresh.keys() == merged.keys()
    assert all(torch.equal(fresh[name], merged[name]) for name in fresh)


def test_dropout_reaches_the_attention_and_is_not_saved(tiny_model: Path) -> None:
    model = AutoModelForCausalLM.from_pretrained(tiny_model)
    ids = torch.arange(5, 60)[None]
    model.train()
    assert torch.equal(model(ids).logits, model(ids).logits)
    assert set_dropout(model, 0.5) == 2
    assert not torch.equal(model(ids).logits, model(ids).logits)
    assert model.config.attention_dropout == 0.0


def test_the_model_is_freed(train: Any) -> None:
    def alive() -> int:
        gc.collect()
        return sum(type(thing) is LlamaForCausalLM for thing in gc.get_objects())

    before = alive()
    train(method="lora")
    train(method="full")
    assert alive() <= before


def test_what_cannot_be_trained_is_refused(train: Any, pairs: list[Pair]) -> None:
    with pytest.raises(ValueError, match="final_learning_rate"):
        train(learning_rate=1e-5, final_learning_rate=1e-4)
    with pytest.raises(StageError, match="cannot be trained on"):
        train(data=[*pairs, *[Pair(str(n), "What?", "", "seed", "t") for n in range(20)]])


def test_a_training_that_diverges_is_an_error(train: Any, tmp_path: Path) -> None:
    with pytest.raises(StageError, match="diverged"):
        train(learning_rate=1e30, final_learning_rate=1e30, max_grad_norm=0, steps=6)
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize(
    ("error", "kind", "hint"),
    [
        (torch.OutOfMemoryError("CUDA out of memory"), StageError, "forward.micro_batch_size"),
        (MemoryError(), StageError, "forward.method: lora"),
        (RuntimeError("DefaultCPUAllocator: not enough memory: you tried"), StageError, "forward.micro_batch_size"),
        (OSError(28, "No space left on device"), StoreError, "free some space"),
        (RuntimeError("PytorchStreamWriter failed writing file data/1"), StoreError, "free some space"),
    ],
)
def test_full_memory_and_full_disks_are_explained(error: Exception, kind: type[Exception], hint: str) -> None:
    with pytest.raises(kind, match=hint), limits_explained("forward"):
        raise error


def test_other_errors_stay_bugs() -> None:
    with pytest.raises(RuntimeError, match="a bug"), limits_explained("forward"):
        raise RuntimeError("a bug")


@pytest.mark.parametrize("packing", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_trl_trains_on_exactly_our_tokens(job: TrainingJob, packing: bool) -> None:
    job = dataclasses.replace(job, settings=job.settings.model_copy(update={"packing": packing, "pack_tokens": 100}))
    trainer = make_trainer(job, load(job.base, job.model, job.settings), None)
    tokens = open_tokens(job.tokens)
    order = order_of_examples(tokens.from_seed, job.schedule, job.seed)
    steps = list(trainer.get_train_dataloader())
    assert len(steps) == job.schedule.steps == 3
    for number, step in enumerate(steps):
        wanted = [tokens.example(index) for index in order[4 * number : 4 * number + 4]]
        got = [example for row in step["rows"] for example in _examples_of(row)]
        assert sorted(got) == sorted((e.ids, (*[-100] * e.start, *e.ids[e.start :])) for e in wanted)
        assert step["targets"] == sum(len(e.ids) - e.start for e in wanted)


def _examples_of(row: dict[str, torch.Tensor]) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Tokens and labels of each example in a row, packed or padded."""
    if "attention_mask" in row:
        masks = row["attention_mask"].bool()
        parts = [(ids[m], labels[m]) for ids, labels, m in zip(row["input_ids"], row["labels"], masks, strict=True)]
    else:
        bounds = pairwise(row["cu_seq_lens_q"].tolist())
        parts = [(row["input_ids"][0, a:b], row["labels"][0, a:b]) for a, b in bounds]
        assert row["position_ids"][0].tolist() == [place for ids, _ in parts for place in range(len(ids))]
    return [(tuple(ids.tolist()), tuple(labels.tolist())) for ids, labels in parts]
