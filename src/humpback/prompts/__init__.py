"""Prompt texts, their renderer and the rating parser.

Takes instructions and responses, gives conversations for an engine; takes replies, gives scores. Training, augmentation
and curation all render through here, so that a model is asked in the words that it was trained with.
"""

from humpback.prompts.parse import ParsedRating, parse_rating, reasons
from humpback.prompts.reasoning import split_reasoning
from humpback.prompts.render import (
    CRITERIA,
    EXPECTED_RATING_PREFIX,
    GRADES,
    YES_NO,
    YES_NO_PREFIX,
    additive_messages,
    answer_request,
    backward_messages,
    ending,
    expected_rating_messages,
    fence,
    follow_up_messages,
    forward_messages,
    judge_messages,
    pair_messages,
    pair_turns,
    prompt_digest,
    rating_messages,
    rewrite_messages,
    template_text,
    use_texts,
    yes_no_messages,
)
from humpback.prompts.verdict import parse_verdict

__all__ = [
    "CRITERIA",
    "EXPECTED_RATING_PREFIX",
    "GRADES",
    "YES_NO",
    "YES_NO_PREFIX",
    "ParsedRating",
    "additive_messages",
    "answer_request",
    "backward_messages",
    "ending",
    "expected_rating_messages",
    "fence",
    "follow_up_messages",
    "forward_messages",
    "judge_messages",
    "pair_messages",
    "pair_turns",
    "parse_rating",
    "parse_verdict",
    "prompt_digest",
    "rating_messages",
    "reasons",
    "rewrite_messages",
    "split_reasoning",
    "template_text",
    "use_texts",
    "yes_no_messages",
]
