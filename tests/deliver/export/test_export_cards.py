"""Cards that are read by people and by the hub."""

from __future__ import annotations

from dataclasses import replace

import pytest
import yaml

from humpback.deliver.export import LAYOUTS, CardFacts, data_card, model_card
from humpback.deliver.export.cards import code, line, quote
from humpback.models import Licence


def front(card: str) -> dict:
    return yaml.safe_load(card.split("---\n")[1])


def test_the_data_card_names_every_layout_and_one_default(facts: CardFacts) -> None:
    configs = front(data_card(facts))["configs"]
    assert [item["config_name"] for item in configs] == [layout.name for layout in LAYOUTS]
    assert [item["config_name"] for item in configs if item.get("default")] == ["messages"]
    assert configs[0]["data_files"] == [{"split": "train", "path": "messages/train.parquet"}]


@pytest.mark.parametrize(
    ("rows", "size"), [(0, "n<1K"), (999, "n<1K"), (1000, "1K<n<10K"), (41_821, "10K<n<100K"), (9**9, "1M<n<10M")]
)
def test_the_size_category_follows_the_count(facts: CardFacts, rows: int, size: str) -> None:
    assert front(data_card(replace(facts, curated=rows)))["size_categories"] == [size]


@pytest.mark.parametrize("card", [data_card, model_card])
def test_a_card_says_what_from_what_and_how(facts: CardFacts, card) -> None:
    text = card(facts)
    assert "`package:gemma3-270m`" in text
    assert "| kept | a score of 4.5 or more |" in text
    assert "| learning rate | 1e-5, falling to 9e-6 |" in text
    assert "too short 7, navigation \\| header 2" in text
    assert "| forward-2 | forward | 1.9000 | -0.4456 ± 0.0200 | 60 |" in text
    assert "2308.06259" in text
    assert "Gemma Terms of Use" in text
    assert "Gemma is provided under its terms." in text
    assert "Limits and risks" in text
    assert "&lt;b>hardly&lt;/b>" in text


@pytest.mark.parametrize("card", [data_card, model_card])
def test_a_card_of_few_facts_has_no_empty_tables(facts: CardFacts, card) -> None:
    text = card(
        replace(
            facts,
            base_licence=Licence(),
            stages=(),
            losses=(),
            settings={},
            warnings=(),
            tag_seed="",
            tag_augmented="",
            languages=(),
        )
    )
    assert "nats per token" not in text
    assert "dropped, by reason" not in text
    assert "tags stand behind" not in text
    assert "not known" in text


@pytest.mark.parametrize("card", [data_card, model_card])
def test_lists_and_tables_have_no_blank_line_inside(facts: CardFacts, card) -> None:
    assert "\n\n\n" not in card(facts)
    lines = card(facts).splitlines()
    for before, here, after in zip(lines, lines[1:], lines[2:], strict=False):
        assert not (before[:1] in ("|", "-") and not here and after[:1] == before[:1])


def test_the_model_card_names_licence_and_base(facts: CardFacts) -> None:
    head = front(model_card(replace(facts, base_hub_id="google/gemma-3-270m")))
    assert head["license"] == "other"
    assert head["license_name"] == "Gemma Terms of Use"
    assert head["base_model"] == "google/gemma-3-270m"
    assert "base_model" not in front(model_card(facts))


def test_the_model_cards_example_is_python(facts: CardFacts) -> None:
    for given in (facts, replace(facts, tag_seed='a "quote" and \\', tag_augmented="")):
        text = model_card(given).split("```python\n")[1].split("```")[0]
        assert compile(text, "example", "exec").co_names


def test_markup_in_facts_stays_text() -> None:
    assert line("a|b\n<script> [x](y) `z` #1") == r"a\|b &lt;script> \[x\](y) \`z\` \#1"
    assert code("a`b") == "``a`b``"
    assert code("`x`") == "`` `x` ``"
    assert quote("x\n~~~~\ny").startswith("~~~~~text\n")
