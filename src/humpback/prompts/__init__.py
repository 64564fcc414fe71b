"""Prompt texts, their renderer and the rating parser.

Takes instructions and responses, gives conversations for an engine; takes replies, gives scores. Training, augmentation
and curation all render through here, so that a model is asked in the words that it was trained with.
"""

from humpback.prompts.parse import ParsedRating, parse_rating
from humpback.prompts.render import (
    EXPECTED_RATING_PREFIX,
    GRADES,
    PromptName,
    backward_messages,
    ending,
    expected_rating_messages,
    fence,
    forward_messages,
    judge_messages,
    pair_messages,
    prompt_digest,
    rating_messages,
    template_text,
)
from humpback.prompts.verdict import Verdict, parse_verdict

__all__ = [
    "EXPECTED_RATING_PREFIX",
    "GRADES",
    "ParsedRating",
    "PromptName",
    "Verdict",
    "backward_messages",
    "ending",
    "expected_rating_messages",
    "fence",
    "forward_messages",
    "judge_messages",
    "pair_messages",
    "parse_rating",
    "parse_verdict",
    "prompt_digest",
    "rating_messages",
    "template_text",
]
