"""Prompts in one's own words: checked before any work, in the recipe, and asked in every process."""

import pickle
from types import SimpleNamespace

import pytest

from humpback import models, prompts
from humpback.config import Config
from humpback.config.prompts import NAMES, built_in
from humpback.errors import ConfigError
from humpback.method.plan import plan
from humpback.method.settings_file import load_settings, parse_config, resolved, with_changes, with_groups
from humpback.runs.inputs import RunInputs
from humpback.runs.status import recipes
from tests.command import humpback, mistake

OWN = "Grade the {{instruction}} against {{response}}, fenced with {{fence}}. End with 'Score: <rating>'."


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "words").mkdir()
    (tmp_path / "words" / "rating.txt").write_text(OWN + "\n")
    (tmp_path / "words" / "notes.md").write_text("Not a prompt.")
    (tmp_path / "run.yaml").write_text("prompts:\n  folder: words\n")
    yield tmp_path
    prompts.use_texts({})


def test_a_prompt_in_own_words_is_asked_and_the_others_stay(folder):
    config = load_settings(folder / "run.yaml", Config, folder)
    before = prompts.backward_messages("A text.")
    inputs = RunInputs(SimpleNamespace(), config, [])
    own = prompts.rating_messages("Why?", "So.")[0]
    assert own.text == "Grade the Why? against So., fenced with . End with 'Score: <rating>'."
    assert [part.text for part in own.parts][1:4:2] == ["Why?", "So."]
    assert prompts.backward_messages("A text.") == before
    prompts.use_texts({})
    pickle.loads(pickle.dumps(inputs))  # as in a worker
    assert prompts.rating_messages("Why?", "So.")[0] == own
    RunInputs(SimpleNamespace(), Config(), [])
    assert "Grade the" not in prompts.rating_messages("Why?", "So.")[0].text


def test_own_words_are_in_the_recipe_of_what_they_ask_and_of_nothing_else(folder, seed_file, documents):
    sources = {"seed": {"source": str(seed_file)}, "corpus": {"documents": [str(documents)]}}
    plain = {"curate": {"scorer": "rating"}, "model": {"engine": "fake"}, **sources}

    def stale(text: str) -> set[str]:
        (folder / "words" / "rating.txt").write_text(text)
        configs = (
            Config.model_validate(plain | {"prompts": given}) for given in ({}, {"folder": str(folder / "words")})
        )
        old, new = (recipes(plan(config, models.identify(config.model))) for config in configs)
        return {name for name in old if old[name].settings != new[name].settings}

    assert stale(OWN) == {"ratings-1", "ratings-2"}
    assert stale(built_in("rating")) == set()


def test_a_run_keeps_the_words_when_their_folder_is_gone(folder):
    config = load_settings(folder / "run.yaml", Config, folder)
    (folder / "words" / "rating.txt").write_text("{{broken}}")
    kept = parse_config(resolved(config), "config.yaml")
    assert kept.prompts.texts == {"rating": OWN} == config.prompts.texts
    (folder / "other").mkdir()
    (folder / "other" / "rubric.txt").write_text("Grade it.")
    changed = with_groups(kept, {"prompts": {"folder": str(folder / "other")}})
    assert changed.prompts.texts == {"rubric": "Grade it."}


def test_every_mistake_is_said_before_any_work(folder):
    (folder / "words" / "rating.txt").write_text("{{instruction}} {{response}} {{fence}} {{title}}")
    (folder / "words" / "judge.txt").write_text("{{instruction}} {{first}}")
    (folder / "words" / "ratings.txt").write_text("Hello")
    with pytest.raises(ConfigError) as error:
        load_settings(folder / "run.yaml", Config, folder)
    for line in (
        "rating.txt has no place for {{title}}",
        "judge.txt lacks {{fence}}; judge.txt lacks {{second}}",
        "ratings.txt is no prompt: there are additive, backward",
    ):
        assert line in str(error.value)
    with pytest.raises(ConfigError, match=r"prompts.*nowhere cannot be read"):
        with_changes(Config(), [f"prompts.folder={folder / 'nowhere'}"])


def test_the_built_in_prompts_are_written_as_a_start(folder):
    written = folder / "mine"
    assert f"--set prompts.folder={written}" in humpback("init", written, "--prompts").stdout
    assert sorted(file.stem for file in written.iterdir()) == sorted(NAMES)
    config = with_changes(Config(), [f"prompts.folder={written}"])
    for name in set(NAMES) - {"rubric"}:
        assert prompts.prompt_digest(name, settings=config.prompts) == prompts.prompt_digest(name)
    assert "cannot make the folder" in mistake("init", written, "--prompts")
