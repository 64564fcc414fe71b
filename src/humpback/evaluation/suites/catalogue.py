"""All suites: which tasks of the harness each one is, and what its files hold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from humpback.data_access.rows import Values
from humpback.errors import ConfigError
from humpback.evaluation.suites import layouts
from humpback.evaluation.suites.layouts import Question

IFEVAL = "ifeval"
"""The only suite that needs generated answers; they may come from any engine or file."""


@dataclass(frozen=True, slots=True)
class Suite:
    """A set of questions that a model reads."""

    name: str
    tasks: str
    """The harness's file of the task below its folder of tasks; a pattern where the suite has one for each subject."""
    split: str
    """The split that counts: it is in the names of the files where a folder holds several splits."""
    metrics: tuple[str, ...]
    group: str = ""
    """The field of a row by which figures are also given separately."""
    choices: tuple[int, ...] = ()
    """How many choices a question may have."""
    document: Callable[[Question], Values] | None = None
    """Makes the harness's document; None where the rows of the files already are documents."""
    columns: tuple[str, ...] = ()
    """What those rows must have."""


SUITES = {
    suite.name: suite
    for suite in (
        Suite("arc_easy", "arc/arc_easy.yaml", "test", ("acc", "acc_norm"), "", (3, 4, 5), layouts.arc),
        Suite("arc_challenge", "arc/arc_challenge.yaml", "test", ("acc", "acc_norm"), "", (3, 4, 5), layouts.arc),
        Suite("piqa", "piqa/piqa.yaml", "val", ("acc", "acc_norm"), "", (2,), layouts.piqa),
        Suite("social_iqa", "siqa/siqa.yaml", "val", ("acc",), "", (3,), layouts.social_iqa),
        Suite("openbookqa", "openbookqa/openbookqa.yaml", "test", ("acc", "acc_norm"), "", (4,), layouts.openbookqa),
        Suite("mmlu", "mmlu/default/mmlu_{subject}.yaml", "test", ("acc",), "subject", (4,), layouts.mmlu),
        Suite(
            "crows_pairs", "crows_pairs/crows_pairs_english.yaml", "test", ("pct_stereotype", "likelihood_diff"),
            "bias_type", columns=("sent_more", "sent_less", "bias_type"),
        ),
    )
}  # fmt: skip

NAMES = (*SUITES, IFEVAL)


def check_name(name: str) -> str:
    """The name, if there is a suite of that name.

    Raises:
        ConfigError: There is none.
    """
    if name not in NAMES:
        raise ConfigError(f"there is no suite '{name}'", f"there are {', '.join(NAMES)}")
    return name
