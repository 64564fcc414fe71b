"""The language of a text, identified fast if there is no doubt.

resiliparse compares the text with a profile of each of 101 languages in twenty microseconds, but its ranks are no
probabilities, and its best guess is wrong once in a hundred. If the best profile fits well and clearly leads the
second, it is right: on 2,417 such texts in 13 languages it disagreed with py3langid once, and py3langid was wrong. So
it decides nine English pieces in ten. py3langid, which takes thirty times as long, decides the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, lru_cache
from typing import cast

from py3langid.langid import MODEL_FILE, LanguageIdentifier
from resiliparse.parse.lang import detect_fast

_SAMPLE = 1500
"""Characters that are examined. More do not change the answer."""
_SMALL_SAMPLE = 800
"""The same for py3langid, which is slow."""
_WELL = 500
"""A profile fits well if its rank, which is a distance, is below this."""
_CLEARLY = 50
"""It leads clearly if the second rank is higher by this."""
_NO_CUTOFF = 1 << 31


@lru_cache(maxsize=4)
def identify(text: str) -> tuple[str, float]:
    """The language of a text without code: ISO 639-1 code and probability, 1.0 if there is no doubt.

    An empty text has the language '' and the probability 0.
    """
    sample = text.strip()[:_SAMPLE]
    if not sample:
        return "", 0.0
    ranked = cast(Sequence[tuple[str, int]], detect_fast(sample, n_results=2, cutoff=_NO_CUTOFF))
    (best, distance), (_, second) = ranked
    if distance < _WELL and second - distance >= _CLEARLY:
        return best, 1.0
    language, probability = _identifier().classify(sample[:_SMALL_SAMPLE])
    return str(language), min(float(probability), 1.0)


def load() -> None:
    """Loads py3langid's model, which takes .4 seconds: call it where no document's time limit would pay for it."""
    _identifier()


@cache
def _identifier() -> LanguageIdentifier:
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
