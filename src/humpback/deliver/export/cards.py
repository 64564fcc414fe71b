"""The cards of an exported data set and model: what it is, from what, how it was made, and what to beware of."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined

from humpback.deliver.export.layouts import LAYOUTS
from humpback.deliver.facts import LossSummary, StageFacts
from humpback.models import Licence

_SIZES = ((1000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))


@dataclass(frozen=True, slots=True)
class CardFacts:
    """What the cards say. What is empty is left out."""

    name: str
    """Of the run."""
    date: str
    version: str
    """Of humpback."""
    base_model: str
    base_identity: str
    base_licence: Licence
    scorer: str
    selection: str
    """Such as 'a score of 4.5 or more'."""
    iterations: int
    curated: int
    seed_pairs: int
    """Seed pairs trained on; 0 where their number is not known."""
    seed_source: str
    corpus: tuple[str, ...]
    """The document sources, as the settings name them."""
    tag_seed: str = ""
    """S_a; both tags are empty where prompts carry none."""
    tag_augmented: str = ""
    """S_w."""
    languages: tuple[str, ...] = ()
    base_hub_id: str = ""
    """'org/name' where the base is a hub model: the card then links to it."""
    stages: tuple[StageFacts, ...] = ()
    losses: tuple[LossSummary, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
    """Further settings worth a line, such as learning rate and steps."""
    heldout: int = 0
    """Seed pairs in the validation split."""
    examples: int = 0
    """Pairs that the model was trained on, where the number of seed pairs among them is not known."""
    preferences: bool = False
    """Whether there are pairs of a kept and another instruction."""
    writer: str = ""
    """The model that wrote the instructions in place of M_yx."""
    rater: str = ""
    """The model that rated in place of M_{t-1}."""
    rewriter: str = ""
    """The model that rewrote responses."""
    rewriting: str = ""
    """What it came to, in words."""
    judge: str = ""
    """The model that compared answers."""
    win_rate: str = ""
    """What a judge says of the last model's answers, in words."""
    decided: str = ""
    """What people decided of the pairs, in numbers; empty where nobody looked at them."""
    warnings: tuple[str, ...] = ()
    """What the run itself found wanting, such as a scorer that does not separate."""

    @property
    def tags(self) -> str:
        """What stands behind the instruction at inference: both tags, S_a first."""
        return " ".join(tag for tag in (self.tag_seed, self.tag_augmented) if tag)


def data_card(facts: CardFacts) -> str:
    """README.md of the data set, with the front matter by which `datasets.load_dataset` finds the layouts."""
    splits = ("train", "validation") if facts.heldout else ("train",)
    configs = [(layout.name, splits) for layout in LAYOUTS]
    configs += [("preference", ("train",))] if facts.preferences else []
    front: dict[str, object] = {
        "pretty_name": facts.name,
        "license": "unknown",
        "task_categories": ["text-generation"],
        "tags": ["instruction-backtranslation", "synthetic", "humpback"],
        "size_categories": [next((name for limit, name in _SIZES if facts.curated < limit), "1M<n<10M")],
        "configs": [
            {
                "config_name": name,
                **({"default": True} if name == LAYOUTS[0].name else {}),
                "data_files": [{"split": split, "path": f"{name}/{split}.parquet"} for split in splits],
            }
            for name, splits in configs
        ],
    }
    if facts.languages:
        front["language"] = list(facts.languages)
    return _card("data_card.jinja", front, facts)


def model_card(facts: CardFacts) -> str:
    """README.md of the model folder."""
    front: dict[str, object] = {
        "library_name": "transformers",
        "pipeline_tag": "text-generation",
        "tags": ["instruction-backtranslation", "humpback"],
        "license": "other",
    }
    if facts.base_licence.name:
        front["license_name"] = facts.base_licence.name
    if facts.base_hub_id:
        front["base_model"] = facts.base_hub_id
    if facts.languages:
        front["language"] = list(facts.languages)
    return _card("model_card.jinja", front, facts)


def _card(template: str, front: dict[str, object], facts: CardFacts) -> str:
    text = _templates().get_template(template).render(facts=facts)
    return f"---\n{yaml.safe_dump(front, sort_keys=False, allow_unicode=True)}---\n\n{text}"


@cache
def _templates() -> Environment:
    # Markdown, not HTML: escaping is by filters that know where a value stands.
    environment = Environment(  # noqa: S701
        loader=PackageLoader("humpback.deliver.export", "templates"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(count="{:,}".format, line=line, code=code, quote=quote, python=_python)
    return environment


def line(text: str) -> str:
    """A text on one line in which nothing is markup: neither HTML, nor a table's bar, nor a link."""
    plain = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;")
    return re.sub(r"([\\`*_\[\]|#])", r"\\\1", plain)


def code(text: str) -> str:
    """A text on one line as inline code, whatever backticks it holds."""
    plain = " ".join(text.split()).replace("|", "¦") or " "
    fence = "`" * (max((len(run) for run in re.findall("`+", plain)), default=0) + 1)
    space = " " if plain[0] == "`" or plain[-1] == "`" else ""
    return f"{fence}{space}{plain}{space}{fence}"


def quote(text: str) -> str:
    """A text of several lines as a block, in which nothing is markup."""
    fence = "~" * max(3, 1 + max((len(run) for run in re.findall("~+", text)), default=0))
    return f"{fence}text\n{text.strip()}\n{fence}"


def _python(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
