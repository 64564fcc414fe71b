"""What is exported trains at once with TRL, as its README says."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest

from humpback.deliver.export import CardFacts, data_card, export_data
from humpback.records import Curated, Pair

pytestmark = pytest.mark.training


@pytest.mark.parametrize(
    "layout",
    [
        "messages",
        *(pytest.param(layout, marks=pytest.mark.slow) for layout in ("prompt_completion", "training")),
    ],
)
def test_one_step_of_plain_trl(
    layout: str,
    tiny_chat_model: Path,
    curated: list[Curated],
    seed_pairs: list[Pair],
    facts: CardFacts,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from datasets import load_dataset
    from trl import SFTConfig, SFTTrainer

    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    export_data(iter(curated), iter(seed_pairs), lambda item: (), tmp_path / "dataset", data_card(facts))
    rows = load_dataset(str(tmp_path / "dataset"), layout, split="train", cache_dir=str(tmp_path / "cache"))
    options = {"max_steps": 1, "per_device_train_batch_size": 2, "bf16": False, "use_cpu": True}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what the libraries say to one another is not ours
        trainer = SFTTrainer(
            str(tiny_chat_model),
            args=SFTConfig(str(tmp_path / "out"), report_to="none", disable_tqdm=True, save_strategy="no", **options),
            train_dataset=rows,
        )
        result = trainer.train()
    assert result.global_step == 1
    assert result.training_loss > 0
