"""Self-augmentation: the backward model writes an instruction for each segment (paper, section 2.2)."""

from humpback.augment.best import keep_best
from humpback.augment.checks import CHECKS, clean, validate
from humpback.augment.examples import Examples
from humpback.augment.gain import read_by
from humpback.augment.write import instruct, shown

__all__ = ["CHECKS", "Examples", "clean", "instruct", "keep_best", "read_by", "shown", "validate"]
