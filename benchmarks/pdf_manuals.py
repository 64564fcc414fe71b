"""Is the text of PDF manuals extracted well, and how fast: ours beside other libraries, on manuals of ten makers.

The truth file says for each manual what must be in the text and what must not: `headers` stand as Markdown headers;
`whole` are sentences inside one paragraph, most of them across the end of a page or a broken word; `order` are list
items, table rows, code and sentences in this order; `absent` are running headers, page numbers and broken words.

    python benchmarks/pdf_manuals.py --packages                  # Debian packages that hold the manuals
    python benchmarks/pdf_manuals.py FOLDER                      # ours alone, on the unpacked PDF files
    pip install pypdf pdfminer.six pdfplumber pymupdf4llm pdf-oxide   # the others, each left out where it is missing
    python benchmarks/pdf_manuals.py FOLDER --json results.json

Marks of Markdown, white space and the kind of quotes make no difference. The seconds are processor seconds a page.
"""

from __future__ import annotations

import argparse
import importlib
import json
import logging
import os
import platform
import re
import time
from collections import Counter
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pypdfium2

from humpback.corpus.office.pdf import read_pdf

TRUTH = Path(__file__).with_name("pdf_truth.json")
KINDS = ("headers", "whole", "order", "absent")
MARKS = re.compile(r"[*_`|#>\\]|<br>|</?[a-z]+>")
QUOTES = str.maketrans({"‘": "'", "’": "'", "“": '"', "”": '"', "´": "'"})
NUMBERING = re.compile(r"^(?:chapter |appendix )?(?:[\dA-Z]{1,2}(?:\.\d{1,2})*\.? )?", re.IGNORECASE)

Convert = Callable[[str], str]


def ours(path: str) -> str:
    return read_pdf(path, 10**9).text


def pdfium(path: str) -> str:
    return "\n".join(page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(path))


def pypdf(path: str) -> str:
    reader = importlib.import_module("pypdf").PdfReader(path)
    return "\n".join(page.extract_text() for page in reader.pages)


def pdfminer(path: str) -> str:
    return importlib.import_module("pdfminer.high_level").extract_text(path)


def pdfplumber(path: str) -> str:
    with importlib.import_module("pdfplumber").open(path) as pdf:
        texts = []
        for page in pdf.pages:
            texts.append(page.extract_text())
            page.close()
        return "\n".join(texts)


def pymupdf4llm(path: str) -> str:
    return importlib.import_module("pymupdf4llm").to_markdown(path, show_progress=False)


def pdf_oxide(path: str) -> str:
    return importlib.import_module("pdf_oxide").PdfDocument(path).to_markdown_all()


PEERS: dict[str, tuple[str, Convert]] = {
    "humpback": ("humpback-align", ours),
    "PDFium, text": ("pypdfium2", pdfium),
    "pypdf": ("pypdf", pypdf),
    "pdfminer.six": ("pdfminer.six", pdfminer),
    "pdfplumber": ("pdfplumber", pdfplumber),
    "pymupdf4llm (AGPL)": ("pymupdf4llm", pymupdf4llm),
    "pdf_oxide": ("pdf-oxide", pdf_oxide),
}


def plain(text: str) -> str:
    """The text on one line, without marks of Markdown and with straight quotes."""
    return " ".join(MARKS.sub("", text.translate(QUOTES)).split())


def score(text: str, truth: dict[str, list[str]]) -> Counter[str]:
    """How many of the strings of each kind are as they must be."""
    passed: Counter[str] = Counter()
    titles = {
        NUMBERING.sub("", plain(line)).lower() for line in text.split("\n") if line.startswith("#") and plain(line)
    }
    paragraphs = [plain(part) for part in re.split(r"\n\s*\n", text)]
    passed["headers"] = sum(plain(title).lower() in titles for title in truth["headers"])
    passed["whole"] = sum(any(plain(part) in paragraph for paragraph in paragraphs) for part in truth["whole"])
    line = plain(text)
    at = 0
    for part in truth["order"]:
        if (offset := line.find(plain(part), at)) >= 0:
            passed["order"] += 1
            at = offset
    passed["absent"] = sum(plain(part) not in line for part in truth["absent"])
    return passed


def main() -> None:
    """Measures every library that is installed."""
    arguments = _arguments()
    logging.disable(logging.CRITICAL)
    truths = json.loads(arguments.truth.read_text(encoding="utf-8"))
    if arguments.packages:
        print(*sorted({truth["package"] for truth in truths.values()}))
        return
    files = {name: next(arguments.folder.rglob(name)) for name in truths}
    pages = {name: len(pypdfium2.PdfDocument(path)) for name, path in files.items()}
    totals = {kind: sum(len(truth[kind]) for truth in truths.values()) for kind in KINDS}
    print(f"{len(files)} manuals, {sum(pages.values())} pages; strings: {totals}")
    print(f"{'':<20}" + "".join(f"{kind:>9}" for kind in KINDS) + f"{'all':>9}{'s/page':>9}")
    results: dict[str, dict[str, object]] = {}
    for peer, (package, convert) in PEERS.items():
        passed: Counter[str] = Counter()
        seconds = 0.0
        try:
            for name, path in files.items():
                before = time.process_time()
                text = convert(str(path))
                seconds += time.process_time() - before
                passed += score(text, truths[name])
            release = version(package)
        except (ImportError, PackageNotFoundError):
            print(f"{peer:<20}  not installed")
            continue
        per_page = seconds / sum(pages.values())
        shares = [passed[kind] / totals[kind] for kind in KINDS]
        everything = passed.total() / sum(totals.values())
        print(f"{peer:<20}" + "".join(f"{share:>9.3f}" for share in (*shares, everything)) + f"{per_page:>9.4f}")
        counts = {kind: passed[kind] for kind in KINDS}
        summary = {"all": round(everything, 4), "seconds_per_page": round(per_page, 4)}
        results[peer] = {"version": release, **counts, **summary}
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    makers = {name: {"maker": truth["maker"], "pages": pages[name]} for name, truth in truths.items()}
    if arguments.json:
        report = {"machine": machine, "manuals": makers, "strings": totals, "results": results}
        arguments.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", default=Path("manuals"), help="folder with the PDF files")
    parser.add_argument("--truth", type=Path, default=TRUTH)
    parser.add_argument("--packages", action="store_true", help="print the Debian packages and stop")
    parser.add_argument("--json", type=Path, help="file to write")
    return parser.parse_args()


if __name__ == "__main__":
    main()
