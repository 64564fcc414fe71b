"""The seed stage: exchanges to normalised, distinct pairs; a sample of them; the held-out part.

Every choice is by `record_seed` of a pair's id, so that neither the order of the source nor rows added to it change
what is chosen among the others more than they must.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

from humpback.config import SeedSettings
from humpback.data_access import rows
from humpback.data_access.urls import public
from humpback.errors import InputError
from humpback.records import Dropped, Outcome, Pair, content_id, record_rng_seed
from humpback.seed.layouts import Exchange, exchanges, left_out

if TYPE_CHECKING:
    from humpback.text.contamination import Contamination

_TRAIN_FOR_EACH_HELD_OUT = 2
"""At least this many times `holdout_min` pairs must be left to train on."""


@dataclass(frozen=True, slots=True)
class Split:
    """The seed pairs in two parts that never mix."""

    train: tuple[Pair, ...]
    heldout: tuple[Pair, ...]
    """Never trained on; measures every model."""


def read_pairs(settings: SeedSettings) -> Iterator[Pair | Dropped]:
    """Reads the source, normalises and checks every record.

    Args:
        settings: Where the pairs are and how they are laid out.

    Yields:
        For each record of the source, in its order, the pair or why there is none: 'no instruction', 'no response',
        'has context', 'duplicate', 'other language', 'not approved' (the last two of Open Assistant only).

    Raises:
        InputError: The source is missing, unreadable, empty or of no known layout.
    """
    first_sources: dict[str, str] = {}
    for exchange in exchanges(rows.read_rows(settings.source, setting="seed.source"), settings):
        record = exchange if isinstance(exchange, Dropped) else _checked(exchange, settings.without_context)
        if isinstance(record, Pair):
            first = first_sources.setdefault(record.id, record.source)
            if first != record.source:
                record = left_out(record.source, "duplicate", f"of {first}", record.instruction)
        yield record


def source_digest(settings: SeedSettings) -> str:
    """What the source holds, for recipes; nothing else of the settings counts here.

    Raises:
        InputError: There is no such source, or it cannot be read.
    """
    return rows.source_digest(settings.source, setting="seed.source")


def read_seed(settings: SeedSettings, rng_seed: int, contamination: Contamination | None = None) -> Outcome[Pair]:
    """The seed stage: all pairs of the source, or a sample of `limit` of them, and every record that was dropped.

    Args:
        settings: Where the pairs are, how they are laid out, and how many to take.
        rng_seed: The run's seed, which starts the random choices.
        contamination: The evaluation prompts; a pair of which the instruction or the response holds one is dropped.

    Raises:
        InputError: As `read_pairs`, and where not a single pair is left, saying what took them.
    """
    pairs: list[Pair] = []
    dropped: list[Dropped] = []
    for record in read_pairs(settings):
        if contamination and isinstance(record, Pair):
            record = _clean(record, contamination)
        if isinstance(record, Pair):
            pairs.append(record)
        else:
            dropped.append(record)
    read = len(pairs) + len(dropped)
    if not pairs:
        reasons = ", ".join(f"{count} {reason!r}" for reason, count in Counter(d.reason for d in dropped).most_common())
        raise InputError(
            f"none of the {read} records of the seed data {public(settings.source)} is a usable pair ({reasons})",
            "check seed.columns, seed.format, seed.language, seed.without_context and decontaminate.against",
        )
    if settings.limit and len(pairs) > settings.limit:
        drawn = sorted(pairs, key=lambda pair: record_rng_seed(rng_seed, "seed", pair.id))
        sampled_ids = {pair.id for pair in drawn[: settings.limit]}
        dropped += [_not_sampled(pair, settings.limit) for pair in pairs if pair.id not in sampled_ids]
        pairs = [pair for pair in pairs if pair.id in sampled_ids]
    return Outcome(tuple(pairs), tuple(dropped), read)


def first_pairs(settings: SeedSettings, rng_seed: int, count: int) -> tuple[list[Pair], bool]:
    """The first pairs of the source, as many as `limit` lets be taken, and whether they are all there are.

    Raises:
        InputError: As `read_seed`.
    """
    pairs = list(islice((record for record in read_pairs(settings) if isinstance(record, Pair)), count))
    if len(pairs) < count:
        return list(read_seed(settings, rng_seed).kept), True
    return pairs[: settings.limit or None], False


def hold_out(pairs: Iterable[Pair], settings: SeedSettings, rng_seed: int) -> Split:
    """Parts the pairs into those to train on and those held out, by id and not by order.

    Pairs with the same instruction stay together, for one would give the other away; so the held-out part can be a
    little larger than asked for.

    Args:
        pairs: Distinct pairs.
        settings: `holdout_share` of the pairs are held out, and at least `holdout_min`.
        rng_seed: The run's seed, which starts the random choices.

    Returns:
        Both parts, each in the order given.

    Raises:
        InputError: Fewer than twice `holdout_min` pairs would be left to train on.
    """
    all_pairs = tuple(pairs)
    groups: dict[str, list[Pair]] = {}
    for pair in all_pairs:
        groups.setdefault(" ".join(pair.instruction.casefold().split()), []).append(pair)
    heldout_count = max(settings.holdout_min, round(settings.holdout_share * len(all_pairs)))
    heldout: set[str] = set()
    for group in sorted(
        groups.values(), key=lambda group: min(record_rng_seed(rng_seed, "hold-out", pair.id) for pair in group)
    ):
        if len(heldout) >= heldout_count:
            break
        heldout.update(pair.id for pair in group)
    split = Split(
        train=tuple(pair for pair in all_pairs if pair.id not in heldout),
        heldout=tuple(pair for pair in all_pairs if pair.id in heldout),
    )
    needed = _TRAIN_FOR_EACH_HELD_OUT * settings.holdout_min
    if len(split.train) < needed:
        raise InputError(
            f"the seed data {public(settings.source)} has {len(all_pairs)} pairs: with {len(split.heldout)} held out,"
            f" {len(split.train)} are left to train on, fewer than {needed}",
            "add pairs, raise seed.limit where it is set, or lower seed.holdout_min and seed.holdout_share",
        )
    return split


def normal_text(text: str) -> str:
    """NFC, Unix line ends, no lone surrogates (Parquet cannot hold them), no white space at either end."""
    # Through UTF-16 the halves of a pair of surrogates become one character, and a half alone becomes U+FFFD.
    storable = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return unicodedata.normalize("NFC", storable.replace("\r\n", "\n").replace("\r", "\n")).strip()


def _checked(exchange: Exchange, without_context: bool) -> Pair | Dropped:
    instruction, context, response = map(normal_text, (exchange.instruction, exchange.context, exchange.response))
    if not instruction:
        return left_out(exchange.source, "no instruction", "", context or response)
    if not response:
        return left_out(exchange.source, "no response", "", instruction)
    if context and without_context:
        return left_out(exchange.source, "has context", f"{len(context)} characters", instruction)
    if context:
        instruction = f"{instruction}\n\n{context}"
    return Pair(content_id(instruction, response), instruction, response, "seed", exchange.source)


def _clean(pair: Pair, contamination: Contamination) -> Pair | Dropped:
    match = contamination.of(pair.instruction) or contamination.of(pair.response)
    if not match:
        return pair
    return replace(left_out(pair.source, "holds an evaluation prompt", match, pair.instruction), id=pair.id)


def _not_sampled(pair: Pair, limit: int) -> Dropped:
    dropped = left_out(pair.source, "not sampled", f"seed.limit is {limit}", pair.instruction)
    return replace(dropped, id=pair.id)
