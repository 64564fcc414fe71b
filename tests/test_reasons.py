"""Whatever is counted or seen has words."""

from typing import get_args

from humpback.augment.checks import CHECKS
from humpback.config.corpus import FilterName
from humpback.corpus.cut import HOLDS_PROMPT
from humpback.corpus.lines import REASON
from humpback.curate.select import BELOW
from humpback.curate.signs import GRADE, SIGNS
from humpback.likeness.choosing import UNLIKE
from humpback.likeness.distinct import SAME_MEANING
from humpback.reasons import REASONS, in_words


def test_every_filter_check_and_sign_has_words():
    counted = (*get_args(FilterName), *(reason for reason, _ in CHECKS), *SIGNS, GRADE)

    assert [name for name in (*counted, HOLDS_PROMPT, REASON, BELOW, UNLIKE, SAME_MEANING) if name not in REASONS] == []


def test_a_sign_says_what_is_wrong_and_an_unknown_name_stays():
    assert in_words("closing") == "the answer stops before its end"
    assert in_words("something new") == "something new"
