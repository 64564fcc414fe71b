"""The seed stage: exchanges to normalised, distinct pairs; a sample of them; the held-out part.

Every choice is by `record_rng_seed` of a pair's id, so that neither the order of the source nor rows added to it change
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
from humpback.data_access.storable import storable
from humpback.data_access.urls import public
from humpback.errors import InputError
from humpback.records import Dropped, Outcome, Pair, content_id, record_rng_seed
from humpback.seed.layouts import conversations
from humpback.seed.turns import Conversation, Exchange, Unusable, exchanges_of, left_out

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


def read_pairs(settings: SeedSettings, *, to_learn: bool = True) -> Iterator[Pair | Dropped]:
    """Reads the source, normalises and checks every record.

    Args:
        settings: Where the pairs are and how they are laid out.
        to_learn: Leave out what is marked as not to be learnt, such as `weight: 0`; raters want it too.

    Yields:
        For each record of the source, in its order, the pair or why there is none. Before a pair stands what was left
        out of its record: 'later turns', 'reasoning', 'rejected answer', 'other answers'.

    Raises:
        InputError: The source is missing, unreadable, empty or of no known layout.
    """
    first_sources: dict[str, str] = {}
    rows_read = rows.read_rows(settings.source, setting="seed.source")
    for record in conversations(rows_read, settings, to_learn=to_learn):
        for item in _pair_and_omitted(record, settings, to_learn) if isinstance(record, Conversation) else (record,):
            if isinstance(item, Pair):
                first = first_sources.setdefault(item.id, item.source)
                if first != item.source:
                    item = left_out(item.source, "duplicate", f"of {first}", item.instruction)
            yield item


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
        first_detail = next((f"; {item.source}: {item.detail}" for item in dropped if item.detail), "")
        raise InputError(
            f"none of the {read} records of the seed data {public(settings.source)} is a usable pair "
            f"({reasons}{first_detail})",
            "check seed.columns, format, language, turns, without_context, and decontaminate.against",
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
        if all(pair.stands_alone for pair in group):
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
    return unicodedata.normalize("NFC", storable(text).replace("\r\n", "\n").replace("\r", "\n")).strip()


def _pair_and_omitted(record: Conversation, settings: SeedSettings, to_learn: bool) -> list[Pair | Dropped]:
    """What was left out of a record, and then the pair; or why there is none."""
    try:
        system, exchanges = exchanges_of(record.turns)
        used, unlearnt = _exchanges_to_use(exchanges, settings, to_learn)
    except Unusable as error:
        text = next((text for turn in record.turns if (text := normal_text(turn.text))), "")
        reason, detail = error.args
        return [left_out(record.source, reason, detail, text)]
    if record.context and settings.without_context:
        detail = f"{len(record.context)} characters"
        return [left_out(record.source, "has context", detail, normal_text(used[0][0].text))]
    omitted = list(record.omitted)
    if thoughts := "\n\n".join(answer.reasoning for _, answer in used if answer.reasoning):
        omitted.append(left_out(record.source, "reasoning", f"{len(thoughts)} characters", thoughts))
    if later := exchanges[len(used) :]:
        omitted.append(left_out(record.source, "later turns", f"{len(later)} more exchanges", later[0][0].text))
    instruction, response, *later_texts = (normal_text(turn.text) for exchange in used for turn in exchange)
    system = normal_text(system) if settings.system == "keep" else ""
    if system:
        instruction = f"{system}\n\n{instruction}"
    id_, good = content_id(instruction, response, *later_texts), used[0][1].learn or not to_learn
    pair = Pair(id_, instruction, response, "seed", record.source, system, tuple(later_texts), unlearnt, good)
    return [*omitted, pair]


def _exchanges_to_use(
    exchanges: list[Exchange], settings: SeedSettings, to_learn: bool
) -> tuple[list[Exchange], tuple[int, ...]]:
    """The exchanges that `seed.turns` takes, and which of their answers are read and not learnt.

    Raises:
        Unusable: One of them is not whole, or nothing is to be learnt from them.
    """
    if not exchanges:
        raise Unusable("no instruction", "")
    learnable = [n for n, (_, last) in enumerate(exchanges) if last.learn and (last.text.strip() or last.problem)]
    used = exchanges[:1] if settings.turns == "first" else exchanges[: max(learnable, default=0) + 1]
    for number, (question, answer) in enumerate(used, start=1):
        exchange = f"exchange {number}" if number > 1 else ""
        for turn, missing in ((question, "no instruction"), (answer, "no response")):
            if turn.problem:
                raise turn.problem
            if not normal_text(turn.text):
                raise Unusable(missing, "nothing behind its reasoning" if turn.reasoning else exchange)
    unlearnt = [number for number, (_, answer) in enumerate(used) if not answer.learn] if to_learn else []
    if len(unlearnt) == len(used):
        hint = "; seed.turns last or all learns others" if learnable else ""
        raise Unusable("not to be learnt", f"the answer is marked so{hint}")
    return used, tuple(range(len(used) - 1)) if settings.turns == "last" else tuple(unlearnt)


def _clean(pair: Pair, contamination: Contamination) -> Pair | Dropped:
    match = next(filter(None, map(contamination.of, (pair.instruction, pair.response, *pair.later))), "")
    if not match:
        return pair
    return replace(left_out(pair.source, "holds an evaluation prompt", match, pair.instruction), id=pair.id)


def _not_sampled(pair: Pair, limit: int) -> Dropped:
    dropped = left_out(pair.source, "not sampled", f"seed.limit is {limit}", pair.instruction)
    return replace(dropped, id=pair.id)
