"""Is the main content of web pages found, and how fast: ours beside other extractors, on pages with the text wanted.

The measure is the one of the article extraction benchmark of Scrapinghub: texts are multisets of runs of four words;
precision and recall of each page, their means over the pages, F1 of the means. `page F1` is the mean of each page's own
F1. Speed is pages by seconds of process time on one core, from the decoded page to its text; best of the rounds.

    python benchmarks/extraction.py                                    # ours alone, on the pages beside the checkout
    pip install trafilatura resiliparse justext readability-lxml       # the others, each left out where it is missing
    python benchmarks/extraction.py PAGES.jsonl.gz --json results.json # other pages: columns `html`, `gold_text`

`--unnumbered` takes the numbers of lists and the languages of code out of our Markdown, for gold without such marks. A
column `kind` makes a second table, of the mean page F1 of each kind. `manuals.py` makes such pages.

    python benchmarks/extraction.py --strings PAGES.jsonl.gz           # columns `html`, `with`, `without`

`--strings` measures as trafilatura's own evaluation does: strings of each page that must be in the text (`with`) and
that must not (`without`). Precision and recall are over all strings of all pages. White space, compatible characters
(NFKC) and the marks of Markdown make no difference.
"""

from __future__ import annotations

import argparse
import gzip
import importlib
import json
import logging
import os
import platform
import re
import statistics
import sys
import time
import unicodedata
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from humpback import __version__
from humpback.corpus.parsing.html import parse_html
from humpback.corpus.parsing.sections import Header, Unusable, join

PAGES = Path(__file__).parents[2] / "shared" / "data" / "html" / "scrapinghub_article_181.jsonl.gz"
WORD = re.compile(r"\w+")
RUN = 4
NUMBERS = re.compile(r"^([ >]*(?:- )*)(?:\d+\. )+", re.MULTILINE)
MARKS = re.compile(r"^(?:[ >|]|- |\d{1,4}\. |#+ |`{3,}[\w+#-]*$)+|[*`|\u00ad\u200b]|-{3,}", re.MULTILINE)
LANGUAGES = re.compile(r"^([ >]*`{3,})[\w+#-]+$", re.MULTILINE)

Extract = Callable[[str], str]
Shingles = Counter[tuple[str, ...]]


def ours(page: str) -> str:
    """The Markdown of the page with its headers, as segmentation gets it."""
    try:
        return join([block.title if isinstance(block, Header) else block for block in parse_html(page).blocks])
    except Unusable:
        return ""


def ours_unnumbered(page: str) -> str:
    return LANGUAGES.sub(r"\1", NUMBERS.sub(r"\1", ours(page)))


def trafilatura(**settings: bool) -> Extract:
    extract: Callable[..., str | None] = importlib.import_module("trafilatura").extract
    return lambda page: extract(page, **settings) or ""


def resiliparse() -> Extract:
    extract = importlib.import_module("resiliparse.extract.html2text").extract_plain_text
    return lambda page: extract(page, main_content=True, alt_texts=False, form_fields=False, list_bullets=False)


def justext() -> Extract:
    module = importlib.import_module("justext")
    words = module.get_stoplist("English")

    def extract(page: str) -> str:
        paragraphs = module.justext(page.encode("utf-8", "replace"), words, encoding="utf-8")
        return "\n".join(paragraph.text for paragraph in paragraphs if not paragraph.is_boilerplate)

    return extract


def readability() -> Extract:
    document: Any = importlib.import_module("readability").Document
    tree = importlib.import_module("lxml.html")
    return lambda page: "\n".join(tree.fromstring(document(page).summary()).itertext())


PEERS: dict[str, tuple[str, Callable[[], Extract]]] = {
    "humpback": ("humpback-align", lambda: ours),
    "trafilatura": ("trafilatura", trafilatura),
    "trafilatura, no comments": ("trafilatura", lambda: trafilatura(include_comments=False)),
    "trafilatura, fast, no comments": ("trafilatura", lambda: trafilatura(fast=True, include_comments=False)),
    "resiliparse, main content": ("resiliparse", resiliparse),
    "justext": ("justext", justext),
    "readability-lxml": ("readability-lxml", readability),
}


@dataclass(frozen=True, slots=True)
class Pages:
    """What is extracted, and what is wanted of it."""

    html: list[str]
    wanted: list[Any]
    """The shingles of each page's text, or its strings, those that must be there and those that must not."""
    kinds: list[str]
    score: Callable[[list[str], list[Any]], dict[str, float]]
    """The figures of texts, by what is wanted of each."""


def read_pages(path: Path, strings: bool) -> Pages:
    """Reads a file of JSON lines."""
    opening = gzip.open if path.suffix == ".gz" else open
    with opening(path, "rt", encoding="utf-8") as stream:
        rows = [json.loads(line) for line in stream]
    wanted: list[Any] = (
        [(row["with"], row["without"]) for row in rows] if strings else [shingles(row["gold_text"]) for row in rows]
    )
    kinds = [row.get("kind", "") for row in rows]
    return Pages([row["html"] for row in rows], wanted, kinds, score_strings if strings else score)


def plain(text: str) -> str:
    """A text without the marks of Markdown, its white space and its compatible characters made one."""
    return " ".join(unicodedata.normalize("NFKC", MARKS.sub("", text)).split())


def score_strings(texts: list[str], wanted: list[tuple[list[str], list[str]]]) -> dict[str, float]:
    """Precision and recall over the strings of all pages; `page_f1` is the mean of each page's own F1."""
    pages = []
    for text, (present, absent) in zip(map(plain, texts), wanted, strict=True):
        found, false = (sum(plain(string) in text for string in strings) for strings in (present, absent))
        pages.append((found, false, len(present)))
    found, false, all_present = map(sum, zip(*pages, strict=True))
    return {
        "precision": found / max(1, found + false),
        "recall": found / max(1, all_present),
        "f1": 2 * found / max(1, found + false + all_present),
        "page_f1": statistics.fmean(
            2 * found / (found + false + present) for found, false, present in pages if present
        ),
    }


def shingles(text: str) -> Shingles:
    """The runs of four words of a text; a shorter text is one run."""
    words = WORD.findall(text)
    runs = (tuple(words[at : at + RUN]) for at in range(max(1, len(words) - RUN + 1)))
    return Counter(run for run in runs if run)


def score(texts: list[str], wanted: list[Shingles]) -> dict[str, float]:
    """Means over the pages. A page without any text wanted counts for precision only, and the other way round."""
    found = list(map(shingles, texts))
    common = [(one & other).total() for one, other in zip(found, wanted, strict=True)]
    sizes = [(one.total(), other.total()) for one, other in zip(found, wanted, strict=True)]
    precision = statistics.fmean(both / size for both, (size, _) in zip(common, sizes, strict=True) if size)
    recall = statistics.fmean(both / size for both, (_, size) in zip(common, sizes, strict=True) if size)
    pages = [2 * both / (one + other) for both, (one, other) in zip(common, sizes, strict=True) if one + other]
    return {
        "precision": precision,
        "recall": recall,
        "f1": 2 * precision * recall / max(precision + recall, 1e-9),
        "page_f1": statistics.fmean(pages),
    }


def by_kind(texts: list[str], pages: Pages) -> dict[str, float]:
    """The mean page F1 of each kind of page."""
    groups: dict[str, list[int]] = {}
    for place, kind in enumerate(pages.kinds):
        groups.setdefault(kind, []).append(place)
    return {
        kind: round(pages.score([texts[at] for at in places], [pages.wanted[at] for at in places])["page_f1"], 4)
        for kind, places in groups.items()
    }


def attempt(extract: Extract, page: str) -> str:
    try:
        return extract(page)
    except Exception as error:
        print(f"  failed on a page: {type(error).__name__}", file=sys.stderr)
        return ""


def measure(extract: Extract, pages: Pages, rounds: int) -> tuple[dict[str, float], dict[str, float]]:
    """The figures over all pages, and the page F1 of each kind."""
    attempt(extract, pages.html[0])
    seconds = []
    for _ in range(rounds):
        before = time.process_time()
        texts = [attempt(extract, page) for page in pages.html]
        seconds.append(time.process_time() - before)
    result = {name: round(value, 4) for name, value in pages.score(texts, pages.wanted).items()}
    return {**result, "pages_per_second": round(len(texts) / min(seconds), 1)}, by_kind(texts, pages)


def main() -> None:
    """Measures every extractor that is installed."""
    arguments = _arguments()
    logging.disable(logging.CRITICAL)
    pages = read_pages(arguments.pages, arguments.strings)
    if arguments.unnumbered:
        PEERS["humpback"] = ("humpback-align", lambda: ours_unnumbered)
    results: dict[str, dict[str, float]] = {}
    kinds: dict[str, dict[str, float]] = {}
    versions = {"humpback": __version__, "lxml": version("lxml")}
    characters = sum(map(len, pages.html))
    print(f"{len(pages.html)} pages, {characters:,} characters")
    print(f"{'':<32}{'precision':>10}{'recall':>10}{'F1':>10}{'page F1':>10}{'pages/s':>10}")
    for name, (package, made) in PEERS.items():
        try:
            extract = made()
        except ImportError:
            print(f"{name:<32}{'not installed':>20}")
            continue
        if package != "humpback-align":
            versions[package] = version(package)
        row, kinds[name] = measure(extract, pages, arguments.rounds)
        results[name] = row
        print(
            f"{name:<32}" + "".join(f"{row[key]:>10.4f}" for key in list(row)[:4]), f"{row['pages_per_second']:>9.1f}"
        )
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    size = {"pages": len(pages.html), "characters": characters, "file": arguments.pages.name}
    command = " ".join(["python", "benchmarks/extraction.py", *(Path(each).name for each in sys.argv[1:])])
    whole = {"machine": machine, "versions": versions, "size": size, "command": command, "results": results}
    if any(pages.kinds):
        whole["kinds"] = kinds
        _print_kinds(kinds)
    if arguments.json:
        arguments.json.write_text(json.dumps(whole, indent=2) + "\n", encoding="utf-8")


def _print_kinds(kinds: dict[str, dict[str, float]]) -> None:
    print(f"\n{'page F1 by kind':<32}" + "".join(f"{name.split(',')[0][:13]:>14}" for name in kinds))
    for kind in next(iter(kinds.values())):
        print(f"{kind:<32}" + "".join(f"{row[kind]:>14.4f}" for row in kinds.values()))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pages", type=Path, nargs="?", default=PAGES)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--strings", action="store_true", help="pages with strings that must and must not be found")
    parser.add_argument("--unnumbered", action="store_true", help="ours without the numbers of lists")
    parser.add_argument("--json", type=Path, help="file to write")
    return parser.parse_args()


if __name__ == "__main__":
    main()
