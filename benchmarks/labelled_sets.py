"""Pairs with labels: replies that people ranked, pairs with a flag, good ones with faulty twins, candidates."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

from planted.kinds import WORDS, bad_pairs, good_passages

from humpback.curate.faults import FAULTS, plant
from humpback.data_access.rows import Values, file_rows
from humpback.evaluation.labels import LabelColumns, read_labels
from humpback.records import Candidate, Pair, content_id, record_rng_seed


@dataclass(frozen=True, slots=True)
class Item:
    """A pair in a labelled set; rank and fault say what kind of set it is."""

    pair: Pair | Candidate
    group: str
    label: float
    good: bool | None
    fault: str = ""
    run: str = ""
    """Items of one run are ranked among themselves."""


@dataclass(frozen=True, slots=True)
class LabelledSet:
    """Pairs with labels of one kind."""

    name: str
    kind: str
    """'ranks', 'flag' or 'faults'."""
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class LabelledCandidate:
    """A real candidate, and what a reader said of it who saw neither a score nor where it comes from."""

    candidate: Candidate
    draw: str
    """'chosen on' or 'judged': whether scorers were compared on it when they were made."""
    corpus: str
    writer: str
    """The backward model: a, b or c in `candidate_rules.md`."""
    asks: bool
    """The instruction asks for what the response gives."""
    answers: bool
    """The response is an answer: whole, to be read alone, and no news, diary, advert or list of links."""
    good: bool
    """Both, and nothing else is wrong."""
    unsure: bool
    """A second reader might call it otherwise."""


def pairs_of(path: Path, longest: int, only: str = "") -> list[tuple[Pair, Values]]:
    """The pairs of a file that have no context and are not too long, each with its row, in the order of drawing."""
    found: dict[str, tuple[Pair, Values]] = {}
    for _, row in file_rows(path):
        instruction, response = (str(row.get(name) or "").strip() for name in ("instruction", "response"))
        usable = instruction and response and not row.get("context") and len(instruction) + len(response) <= longest
        if usable and (not only or row.get(only)):
            pair = Pair(content_id(instruction, response), instruction, response, "seed", path.name)
            found.setdefault(pair.id, (pair, row))
    return sorted(found.values(), key=lambda one: -record_rng_seed(0, "seed", one[0].id))


def ranked_set(path: Path, count: int, longest: int) -> LabelledSet:
    """Replies of so many prompts that have several, with the ranks that people gave them."""
    found = pairs_of(path, longest)
    labels = read_labels([row for _, row in found], [pair.instruction for pair, _ in found], LabelColumns(), path.name)
    groups: dict[str, list[Item]] = {}
    for (pair, _), label in zip(found, labels.rows, strict=True):
        if label:
            groups.setdefault(label.group, []).append(Item(pair, label.group, label.value, label.good))
    several = [items for items in groups.values() if len({item.label for item in items}) > 1][:count]
    return LabelledSet(path.name.split(".")[0], "ranks", tuple(item for items in several for item in items))


def flagged_set(name: str, count: int, longest: int) -> LabelledSet:
    """As many pairs with the flag as without it, each half as many as `count`."""
    file, _, rest = name.partition("#")
    column, _, only = rest.partition("?")
    found = pairs_of(Path(file), longest, only)
    halves: dict[bool, list[Item]] = {True: [], False: []}
    for pair, row in found:
        flag = bool(row.get(column))
        halves[flag].append(Item(pair, pair.id, float(flag), flag))
    size = min(count // 2, *(len(half) for half in halves.values()))
    title = f"{Path(file).name.split('.')[0]} {column}"
    return LabelledSet(title, "flag", (*halves[True][:size], *halves[False][:size]))


def faulty_set(path: Path, count: int, longest: int) -> LabelledSet:
    """Good pairs in which every kind of fault can be planted, and all their twins."""
    pairs = [pair for pair, _ in pairs_of(path, longest)]
    twins = {kind: plant(kind, pairs, 0) for kind in FAULTS}
    items: list[Item] = []
    whole = [place for place in range(len(pairs)) if all(twins[kind][place] for kind in FAULTS)][:count]
    for place in whole:
        group = pairs[place].id
        items.append(Item(pairs[place], group, 1.0, True))
        for kind in FAULTS:
            twin = twins[kind][place]
            assert twin is not None
            items.append(Item(twin, group, 0.0, False, kind))
    return LabelledSet(path.name.split(".")[0], "faults", tuple(items))


def kinds_set(path: Path, longest: int, each: int = 50) -> LabelledSet:
    """The good passages of `planted.kinds`, as many good pairs of a file that are as long, and the bad pairs.

    Args:
        path: The file.
        longest: Characters of its longest pair.
        each: The first so many bad pairs of each kind, and five times as many passages.
    """
    passages = good_passages()[: 5 * each]
    as_long = [pair for pair, _ in pairs_of(path, longest) if len(pair.response.split()) in WORDS]
    items = [Item(pair, pair.id, 1.0, True) for pair in (*passages, *as_long[: len(passages)])]
    of_kind: dict[str, list[Item]] = {}
    for bad in bad_pairs():
        of_kind.setdefault(bad.kind, []).append(Item(bad.pair, bad.good, 0.0, False, bad.kind))
    items += [item for bad_items in of_kind.values() for item in bad_items[:each]]
    return LabelledSet("kinds", "faults", tuple(items))


def labelled_candidates(segments: Path, labels: Path) -> list[LabelledCandidate]:
    """The labelled candidates whose segment is there, in the order of the labels.

    The labels are in `benchmarks/planted/candidate_labels.jsonl`, with the instructions that were read and what M_yx
    made of them; their rules and how they were made are in `candidate_rules.md` beside it. The segments are made by

        benchmarks/labelled_segments.sh DATA OUT

    A segment's id is the digest of its text, so a label only meets the pair that was read. Where the corpus is cut by
    other rules some are not there: compare the number of items with that of labels.

    Args:
        segments: A folder of segments.
        labels: Rows with `segment`, `instruction`, what M_yx made of it, and what a `LabelledCandidate` holds besides
            the candidate.
    """
    by_id = {str(row["id"]): row for path in sorted(segments.glob("*.jsonl")) for _, row in file_rows(path)}
    found = []
    for _, row in file_rows(labels):
        if segment := by_id.get(str(row["segment"])):
            identity, instruction = content_id(str(row["segment"]), str(row["instruction"])), str(row["instruction"])
            candidate = Candidate(
                identity, str(row["segment"]), str(segment["document_id"]), str(segment["source"]),
                tuple(segment["title_path"]), instruction, str(segment["text"]), str(row["writer"]),
                float(row["log_probability"]), float(row["gain"]),
            )  # fmt: skip
            found.append(
                LabelledCandidate(candidate, **{field.name: row[field.name] for field in fields(LabelledCandidate)[1:]})
            )
    return found


def candidate_sets(segments: Path, labels: Path) -> list[LabelledSet]:
    """Labelled candidates of each draw, good ones against all others; each its own group."""
    of_draw: dict[str, list[Item]] = {}
    for one in labelled_candidates(segments, labels):
        item = Item(one.candidate, one.candidate.id, float(one.good), one.good, run=one.writer)
        of_draw.setdefault(one.draw, []).append(item)
    return [LabelledSet(f"candidates, {draw}", "flag", tuple(items)) for draw, items in of_draw.items()]
