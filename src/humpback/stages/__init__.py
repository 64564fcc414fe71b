"""The stages of the method, one function each, in the order of the paper.

`corpus` has those from documents and seed to segments, `loop` those of self-augmentation and self-curation, `rating`
what gives candidates a score. Each says what it reads, what decides its result, and the work that makes it. Heavy
libraries are imported where the work is done, so that a plan can be made and shown in no time.
"""

from humpback.stages.corpus import cut_segments, drop_duplicates, read_seed, sample, take_out_lines
from humpback.stages.deciding import chosen
from humpback.stages.loop import evaluate, finetune, select, self_augment
from humpback.stages.rating import rate

__all__ = [
    "chosen",
    "cut_segments",
    "drop_duplicates",
    "evaluate",
    "finetune",
    "rate",
    "read_seed",
    "sample",
    "select",
    "self_augment",
    "take_out_lines",
]
