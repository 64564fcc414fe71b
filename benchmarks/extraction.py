"""Is the main content of web pages found, and how fast: ours beside other extractors, on pages with the text wanted.

The measure is the one of the article extraction benchmark of Scrapinghub: texts are multisets of runs of four words;
precision and recall of each page, their means over the pages, F1 of the means. `page F1` is the mean of each page's own
F1. Speed is pages by seconds of process time on one core, from the decoded page to its text; best of the rounds.

    python benchmarks/extraction.py                                    # ours alone, on the pages in shared/
    pip install trafilatura resiliparse justext readability-lxml       # the others, each left out where it is missing
    python benchmarks/extraction.py PAGES.jsonl.gz --json results.json # other pages: columns `html`, `gold_text`
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
from collections import Counter
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

from humpback import __version__
from humpback.corpus.html import parse_html
from humpback.corpus.sections import Header, Unusable, join

PAGES = Path(__file__).parents[2] / "shared" / "data" / "html" / "scrapinghub_article_181.jsonl.gz"
WORD = re.compile(r"\w+")
RUN = 4

Extract = Callable[[str], str]
Shingles = Counter[tuple[str, ...]]


def ours(page: str) -> str:
    """The Markdown of the page with its headers, as segmentation gets it."""
    try:
        return join([block.title if isinstance(block, Header) else block for block in parse_html(page).blocks])
    except Unusable:
        return ""


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


def rows(path: Path) -> Iterator[dict[str, str]]:
    opening = gzip.open if path.suffix == ".gz" else open
    with opening(path, "rt", encoding="utf-8") as stream:
        yield from map(json.loads, stream)


def shingles(text: str) -> Shingles:
    """The runs of four words of a text; a shorter text is one run."""
    words = WORD.findall(text)
    runs = (tuple(words[at : at + RUN]) for at in range(max(1, len(words) - RUN + 1)))
    return Counter(run for run in runs if run)


def score(found: list[Shingles], wanted: list[Shingles]) -> dict[str, float]:
    """Means over the pages. A page without any text wanted counts for precision only, and the other way round."""
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


def attempt(extract: Extract, page: str) -> str:
    try:
        return extract(page)
    except Exception as error:
        print(f"  failed on a page: {type(error).__name__}", file=sys.stderr)
        return ""


def measure(extract: Extract, pages: list[str], wanted: list[Shingles], rounds: int) -> dict[str, float]:
    attempt(extract, pages[0])
    seconds = []
    for _ in range(rounds):
        before = time.process_time()
        found = [attempt(extract, page) for page in pages]
        seconds.append(time.process_time() - before)
    result = score([shingles(text) for text in found], wanted)
    return {**{name: round(value, 4) for name, value in result.items()}, "pages_per_second": len(pages) / min(seconds)}


def main() -> None:
    """Measures every extractor that is installed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pages", type=Path, nargs="?", default=PAGES)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, help="file to write")
    arguments = parser.parse_args()
    logging.disable(logging.CRITICAL)
    table = list(rows(arguments.pages))
    pages = [row["html"] for row in table]
    wanted = [shingles(row["gold_text"]) for row in table]
    results: dict[str, dict[str, float]] = {}
    versions = {"humpback": __version__, "lxml": version("lxml")}
    print(f"{len(pages)} pages, {sum(map(len, pages)):,} characters")
    print(f"{'':<32}{'precision':>10}{'recall':>10}{'F1':>10}{'page F1':>10}{'pages/s':>10}")
    for name, (package, made) in PEERS.items():
        try:
            extract = made()
        except ImportError:
            print(f"{name:<32}{'not installed':>20}")
            continue
        if package != "humpback-align":
            versions[package] = version(package)
        row = results[name] = measure(extract, pages, wanted, arguments.rounds)
        row["pages_per_second"] = round(row["pages_per_second"], 1)
        print(
            f"{name:<32}" + "".join(f"{row[key]:>10.4f}" for key in list(row)[:4]) + f"{row['pages_per_second']:>10.1f}"
        )
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    size = {"pages": len(pages), "characters": sum(map(len, pages)), "file": arguments.pages.name}
    command = " ".join(["python", "benchmarks/extraction.py", *(Path(each).name for each in sys.argv[1:])])
    whole = {"machine": machine, "versions": versions, "size": size, "command": command, "results": results}
    if arguments.json:
        arguments.json.write_text(json.dumps(whole, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
