"""Every setting is in a recipe, or declared to change no result: a new setting cannot be forgotten."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from humpback import models
from humpback.config import SCORERS, Config
from humpback.config.neutral import RESULT_NEUTRAL, batch_settings
from humpback.data_access.decisions import Decisions
from humpback.method.plan import plan
from humpback.runs.status import recipes
from tests.variations import names, varied

NAMES = [name for name in names(Config()) if name != "prompts.folder"]  # read into prompts.texts, and empty again
Case = tuple[Config, dict[str, str]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seeds and two corpora of other content each."""
    folder = tmp_path_factory.mktemp("sources")
    Decisions(folder / "decisions").record("anna", ["a candidate"], {"verdict": "reject"})
    for verdict in ("approve", "reject"):
        ids = [f"{verdict} {number}" for number in range(8)]
        Decisions(folder / "labels").record("anna", ids, {"verdict": verdict})
    for name in ("first", "second"):
        (folder / name).mkdir()
        (folder / name / "page.md").write_text(f"# {name}")
        (folder / name / "draft.md").write_text(f"# Draft of {name}")
        pairs = ({"instruction": f"{name} {number}?", "response": "Yes."} for number in range(30))
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(pair) + "\n" for pair in pairs))
    return folder


@pytest.fixture(scope="module")
def values(folder: Path) -> dict[str, Any]:
    """Other values of settings that few values fit."""
    return {
        "seed.source": str(folder / "second.jsonl"),
        "corpus.documents": [str(folder / "second")],
        "corpus.exclude": ["draft.*"],
        "corpus.urls.blocklists": [str(folder / "first.jsonl")],
        "corpus.max_document_chars": 10_000,
        "corpus.segment.max_chars": 4000,
        "corpus.segment.skip": ["too long"],
        "corpus.choose.sample": 100,
        "augment.max_chars": 900,
        "curate.direction_pairs": 100,
        "curate.decisions": str(folder / "decisions"),
        "decontaminate.against": [str(folder / "second.jsonl")],
        "model.name": "other/model",
        "prompts.texts": {"rubric": "Grade it."},
        "model.engine": "fake",
        "model.date": "2026-01-31",
        "model.server.base_url": "http://localhost:1/v1",
        "model.server.api_key_env": "KEY",
        "models.writer": {"name": "other/writer"},
        "models.rater": {"name": "other/rater"},
        "models.rewriter": {"name": "other/rewriter"},
        "models.judge": {"name": "other/judge"},
    }


@pytest.fixture(scope="module")
def cases(folder: Path) -> list[Case]:
    """A run by every scorer, and the main options, each with its fingerprints."""
    seed, pages = str(folder / "first.jsonl"), str(folder / "first")
    settings = {
        "run": {"iterations": 1},
        "model": {"name": "some/model"},
        "seed": {"source": seed},
        "corpus": {"documents": [pages], "limit": 5},
    }
    share = {"select": {"top_share": 0.2}}
    changes: list[dict[str, Any]] = [
        {"curate": {"scorer": "calibrated", "decisions": str(folder / "labels"), **share}},
        *({"curate": {"scorer": scorer, **share}} for scorer in SCORERS),
        {"curate": {"scorer": "rating"}},
        {"curate": {"scorer": "rating", "cascade": {"share": 0.5}, **share}},
        {"curate": {"scorer": "length", "cascade": {"share": 0.5}, **share}},
        {"curate": {"scorer": "calibrated", "follow_up": True, **share}},
        {"augment": {"per_segment": 2}, "curate": {"scorer": "random"}},
        {"augment": {"per_segment": 2, "best_by": "forward"}, "curate": {"scorer": "random"}},
        {"decontaminate": {"against": [seed]}, "curate": {"scorer": "random"}},
        {"corpus": {"documents": [pages], "choose": {"share": 0.3, "by": "hidden", "words_share": 0.8, "clusters": 4}}},
        {"corpus": {"documents": [pages], "choose": {"share": 0.3, "by": "words"}}},
        {"corpus": {"documents": [pages], "deduplicate": {"meaning": 0.9}}},
        {"model": {"name": "some/model", "dtype": "bfloat16", "device": "cpu"}, "curate": {"scorer": "random"}},
        {
            "models": {"writer": {"name": "some/writer"}, "rater": {"name": "some/rater"}},
            "curate": {"scorer": "rating"},
        },
        {"models": {"rewriter": {"name": "some/rewriter"}, "judge": {"name": "some/judge"}}},
    ]
    configs = [Config.model_validate(settings | change) for change in changes]
    return [(config, fingerprints(config)) for config in configs]


def fingerprints(config: Config) -> dict[str, str]:
    stages = recipes(plan(config, models.identify(config.model)))
    return {name: recipe.fingerprint for name, recipe in stages.items()}


@pytest.mark.parametrize("name", [name for name in NAMES if name not in RESULT_NEUTRAL])
def test_a_setting_that_can_change_a_result_makes_a_stage_stale(name, cases, values):
    variants = ((before, changed) for config, before in cases for changed in varied(config, name, values))
    assert any(fingerprints(changed) != before for before, changed in variants), (
        f"{name} is in no recipe: put it into that of the stage whose result it changes, "
        "or into RESULT_NEUTRAL with the reason why it changes none"
    )


@pytest.mark.parametrize("name", sorted(RESULT_NEUTRAL))
def test_a_setting_that_cannot_makes_nothing_stale(name, cases, values):
    for config, before in cases:
        changed = next(varied(config, name, values))
        assert fingerprints(changed) == before


def test_what_is_declared_to_change_no_result_is_a_setting_with_a_reason():
    assert set(RESULT_NEUTRAL) < set(NAMES)
    assert all(RESULT_NEUTRAL.values())


def test_batches_decide_what_bfloat16_on_a_cpu_writes_and_nothing_else(cases):
    """The texts of a batch depend on one another there alone, so that no other run becomes stale."""

    def stale(**model: Any) -> set[str]:
        config = Config.model_validate({**cases[1][0].model_dump(), "model": {"name": "some/model", **model}})
        changed = config.model_copy(update={"model": config.model.model_copy(update={"batch_tokens": 512})})
        before, after = fingerprints(config), fingerprints(changed)
        return {stage for stage in before if before[stage] != after[stage]}

    rated = {"candidates", "ratings-1", "curated-1", "forward-1", "evaluation"}
    assert stale(dtype="bfloat16", device="cpu") == stale(dtype="bfloat16") == rated
    assert stale(dtype="bfloat16", device="cuda") == stale(dtype="float32", device="cpu") == stale() == set()
    assert batch_settings(Config.model_validate({"model": {"dtype": "bfloat16"}}).model) == {}
