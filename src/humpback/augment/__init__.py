"""Self-augmentation: the backward model writes an instruction for each segment (paper, section 2.2)."""

from humpback.augment.checks import CHECKS, clean, validate
from humpback.augment.write import instruct, shown

__all__ = ["CHECKS", "clean", "instruct", "shown", "validate"]
