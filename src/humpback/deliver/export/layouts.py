"""How one pair looks in each layout that trainers read, and the columns that say where it comes from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from humpback.prompts import backward_messages, pair_turns
from humpback.records import Curated, Pair, Rating

Row = dict[str, Any]

_TURN = pa.struct([("role", pa.string()), ("content", pa.string())])
_SHAREGPT_ROLES = {"system": "system", "user": "human", "assistant": "gpt"}
_SHAREGPT_TURN = pa.struct([("from", pa.string()), ("value", pa.string())])
_RATING = pa.struct(
    [
        ("iteration", pa.int32()),
        ("scorer", pa.string()),
        ("model", pa.string()),
        ("state", pa.string()),
        ("score", pa.float64()),
    ]
)

PROVENANCE = pa.schema(
    [
        ("id", pa.string()),
        ("source", pa.string()),
        ("document_id", pa.string()),
        ("segment_id", pa.string()),
        ("title_path", pa.list_(pa.string())),
        ("backward_model", pa.string()),
        ("kept_in_iteration", pa.int32()),
        ("score", pa.float64()),
        ("scorer", pa.string()),
        ("rated_by", pa.string()),
        ("rewritten_by", pa.string()),
        ("original_response", pa.string()),
        ("ratings", pa.list_(_RATING)),
    ]
)
"""The columns of every curated row beside its texts."""

ORIGIN = pa.schema([("origin", pa.string())])


@dataclass(frozen=True, slots=True)
class Layout:
    """One layout: a folder of the export, which is a configuration of the data set."""

    name: str
    schema: pa.Schema
    """Of the text columns."""
    texts: Callable[[Pair | Curated], Row]
    with_seed: bool = False
    """Whether the seed pairs are in it too, before the curated rows, told apart by the column 'origin'."""

    @property
    def columns(self) -> pa.Schema:
        """Of a whole row."""
        extra = [*ORIGIN] if self.with_seed else []
        return pa.schema([*self.schema, *extra, *PROVENANCE])


def messages(pair: Pair | Curated) -> Row:
    """The turns of a conversation, as chat templates and TRL read them."""
    turns = pair_turns(pair) if isinstance(pair, Pair) else [("user", pair.instruction), ("assistant", pair.response)]
    return {"messages": [{"role": role, "content": text} for role, text in turns]}


def prompt_completion(pair: Pair | Curated) -> Row:
    """The same turns in two columns: TRL then takes the loss on the last answer alone."""
    *prompt, completion = messages(pair)["messages"]
    return {"prompt": prompt, "completion": [completion]}


def alpaca(pair: Pair | Curated) -> Row:
    """Stanford Alpaca's three columns; the input is always empty, as an instruction holds all it needs."""
    return {"instruction": pair.instruction, "input": "", "output": pair.response}


def sharegpt(pair: Pair | Curated) -> Row:
    """ShareGPT's turns."""
    turns = messages(pair)["messages"]
    return {"conversations": [{"from": _SHAREGPT_ROLES[turn["role"]], "value": turn["content"]} for turn in turns]}


_MESSAGES = pa.schema([("messages", pa.list_(_TURN))])

LAYOUTS: tuple[Layout, ...] = (
    Layout("messages", _MESSAGES, messages),
    Layout(
        "prompt_completion",
        pa.schema([("prompt", pa.list_(_TURN)), ("completion", pa.list_(_TURN))]),
        prompt_completion,
    ),
    Layout("alpaca", pa.schema([(name, pa.string()) for name in ("instruction", "input", "output")]), alpaca),
    Layout("sharegpt", pa.schema([("conversations", pa.list_(_SHAREGPT_TURN))]), sharegpt),
    Layout("training", _MESSAGES, messages, with_seed=True),
)
"""All layouts; the first is what is loaded by default."""


def preference(passage: str, chosen: str, rejected: str) -> Row:
    """A passage and two instructions that M_yx wrote for it, as TRL's trainers of preferences read them."""
    return {
        "prompt": [{"role": "user", "content": backward_messages(passage)[0].text}],
        "chosen": [{"role": "assistant", "content": chosen}],
        "rejected": [{"role": "assistant", "content": rejected}],
    }


PREFERENCE = pa.schema([(name, pa.list_(_TURN)) for name in ("prompt", "chosen", "rejected")])
"""The text columns of preferences."""


def provenance(
    *,
    id: str,
    source: str,
    document_id: str | None = None,
    segment_id: str | None = None,
    title_path: Sequence[str] = (),
    backward_model: str | None = None,
    kept_in_iteration: int | None = None,
    score: float | None = None,
    scorer: str | None = None,
    rated_by: str | None = None,
    rewritten_by: str | None = None,
    original_response: str | None = None,
    ratings: Sequence[Rating] = (),
) -> Row:
    """The columns beside the texts; a seed pair has an id and a source and no more."""
    return {
        "id": id,
        "source": source,
        "document_id": document_id,
        "segment_id": segment_id,
        "title_path": list(title_path),
        "backward_model": backward_model,
        "kept_in_iteration": kept_in_iteration,
        "score": score,
        "scorer": scorer,
        "rated_by": rated_by,
        "rewritten_by": rewritten_by,
        "original_response": original_response,
        "ratings": [
            {"iteration": r.iteration, "scorer": r.scorer, "model": r.model, "state": r.state, "score": r.score}
            for r in ratings
        ],
    }
