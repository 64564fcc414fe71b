"""Evaluation prompts, and which of them a text holds: what is measured must not be trained on.

Takes files of prompts in any of the usual layouts. Gives, for a text, the prompt that it holds, in words for the drop
ledger. Serves the corpus and the seed alike. Refuses a file that is missing, damaged or holds no prompt.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from humpback.config import DecontaminateSettings
from humpback.text.contamination.prompts import Prompt, prompts_digest, read_prompts

if TYPE_CHECKING:
    from humpback.text.contamination.index import Contamination as Contamination

__all__ = ["Prompt", "prompts_digest", "read_contamination", "read_prompts"]


def read_contamination(settings: DecontaminateSettings) -> Contamination:
    """The prompts of all files in `against`, ready to be recognised in texts.

    Raises:
        InputError: A file is missing, damaged, of no known kind, or holds no prompt.
    """
    from humpback.text.contamination.index import Contamination  # here because a plan must not wait for numpy

    return Contamination(read_prompts(settings), settings)
