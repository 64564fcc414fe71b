"""What goes in: the seed pairs, and the evaluation prompts that nothing may hold."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from humpback.config.base import Positive, Settings, Share
from humpback.config.paths import OneOrMore, TableSource


class ColumnSettings(Settings):
    """What the columns of the user's pairs are called; empty finds the usual names."""

    instruction: str = ""
    """The instruction; else 'instruction', 'prompt', 'question', 'query', 'problem', 'inputs', 'input'."""
    input: str = ""
    """Text that belongs to the instruction and is put behind it; else 'input', 'context', 'passage', ..."""
    response: str = ""
    """The response; else 'response', 'output', 'completion', 'solution', 'answer', 'answers', 'chosen', ..."""
    messages: str = ""
    """A conversation; else 'messages', 'conversations', 'conversation', 'dialogue', 'chat', 'contents', 'data'."""


class SeedSettings(Settings):
    """The human-written pairs that everything starts from (paper, section 2.1)."""

    source: TableSource = ""
    """Must be given. File, folder, glob or URL of tables (JSONL, JSON, CSV, TSV, Parquet, Arrow; .gz, .zst, .bz2 and
    .xz too); a data set: 'hf:NAME', 'hf:NAME:CONFIG/SPLIT', 'org/name' or a folder; or 'package:demo' for the pairs
    that ship."""
    format: Literal["auto", "pairs", "messages", "sharegpt", "oasst"] = "auto"
    """Layout; auto looks at the columns. oasst: Open Assistant trees, first turn, best-ranked reply."""
    columns: ColumnSettings = ColumnSettings()
    language: str = "en"
    """Language of the Open Assistant rows to take; empty takes all."""
    turns: Literal["first", "last", "all"] = "first"
    """What M_t learns of a conversation: its first answer, read without what follows; its last, read behind all before
    it; or all. Whatever this says, the backward model learns from the first exchange alone."""
    system: Literal["keep", "ignore"] = "keep"
    """What the turn of the system says is part of the instruction, or is ignored. M_t reads it as a turn of the system
    where its chat template has one."""
    limit: Annotated[int, Field(ge=0)] = 0
    """Take this many pairs, a seeded sample; 0 takes all. The paper has 3,200."""
    holdout_share: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """Part of the pairs that is never trained on and measures every model."""
    holdout_min: Annotated[int, Field(ge=1)] = 16
    """The held-out part is at least this many pairs."""
    without_context: bool = False
    """Leave out the pairs that have an input or context."""


class DecontaminateSettings(Settings):
    """Segments and seed pairs that hold evaluation prompts are dropped: what is measured must not be trained on."""

    against: Annotated[tuple[TableSource, ...], OneOrMore] = ()
    """Prompts: the same sources as for seed.source, and text files (.txt) with one on each line. The prompts are found
    under the usual names ('prompt', 'instruction', 'question', 'turns', ...). Empty checks nothing."""
    ngram: Positive = 8
    """Words in one n-gram. A prompt of fewer words, down to 5, must stand in the text as a sentence of its own; one of
    fewer than 5 is not looked for."""
    min_overlap: Share = 0.5
    """Drop a text that holds at least this part of the n-grams of one prompt. Tulu 3 (Lambert et al. 2024) asks for
    half of a prompt and 8-grams too. N-grams that more than 10 prompts share do not count."""
