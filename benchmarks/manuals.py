"""Pages to measure extraction on that its rules were never tuned on: manuals of 27 kinds, with the text wanted.

Debian's documentation packages hold real pages of many generators. What of a page is its content is known from its
generator, so the text wanted is taken by two XPaths for each kind: where the content stands, and what in it is
navigation or a link to the header it follows. Nothing of the pages belongs to this project.

    mkdir manuals && cd manuals
    apt-get download $(python ../benchmarks/manuals.py --packages)
    for package in *.deb; do dpkg -x $package unpacked; done
    cd .. && python benchmarks/manuals.py manuals/unpacked --out manuals.jsonl.gz
    python benchmarks/extraction.py manuals.jsonl.gz --unnumbered
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lxml import etree

BREAKS = frozenset(
    "p li h1 h2 h3 h4 h5 h6 pre td th blockquote br hr div ul ol dl dt dd table tr section article main details "
    "summary".split()
)
NO_TEXT = frozenset("script style noscript svg button select head math nav form".split())
NO_MANUAL = ("index", "search", "toc", "bk01")
"""In names of files: pages that only lead to others."""
LEAST_BYTES, MOST_BYTES, LEAST_WORDS = 5_000, 400_000, 150
_PERMALINKS = "//a[@class='headerlink']"
_DOCBOOK = "//div[contains(@class, 'navheader') or contains(@class, 'navfooter') or contains(@class, 'toc')]"


@dataclass(frozen=True, slots=True)
class Kind:
    """Pages of one generator in one package."""

    package: str
    files: tuple[str, ...]
    """Patterns below usr/share."""
    content: str = "//body"
    furniture: str = "//no"


KINDS = {
    "ant": Kind("ant-doc", ("doc/ant/manual/Tasks/*.html", "doc/ant/manual/*.html")),
    "apache": Kind("apache2-doc", tuple(f"doc/apache2-doc/manual/en/{part}*.html" for part in ("howto/", "", "mod/")),
                   "//div[@id='page-content']",
                   "//div[@id='quickview'] | //div[@class='top' or @class='toplang'] | //a[@class='permalink']"),
    "asciidoc": Kind("git-doc", ("doc/git-doc/git-*.html",), furniture="//div[@id='footer' or @id='toc']"),
    "boost": Kind("libboost1.74-doc", ("doc/libboost1.74-doc/doc/html/*/[a-r]*.html",),
                  furniture="//div[@class='spirit-nav' or @class='toc' or @class='copyright-footer'] | //body/table"),
    "docbook, libstdc++": Kind("libstdc++-12-doc", ("doc/gcc-12-base/libstdc++/manual/*.html",), furniture=_DOCBOOK),
    "docbook, postgresql": Kind("postgresql-doc-15", ("doc/postgresql-doc-15/html/*.html",), furniture=_DOCBOOK),
    "doxygen": Kind("libeigen3-doc", ("doc/libeigen3-dev/html/Topic*.html", "doc/libeigen3-dev/html/group__*.html"),
                    "//div[@id='doc-content']",
                    "//iframe | //div[starts-with(@id, 'MSearch')] | //div[@class='toc' or @class='summary']"),
    "erlang": Kind("erlang-doc", ("doc/erlang-doc/doc/*/*.html",), "//div[@id='content']/div[@class='innertube']"),
    "exim": Kind("exim4-doc-html", ("doc/exim4-doc-html/spec_html/ch-*.html",), "//div[@class='chapter']",
                 "//a[contains(@class, 'page')]"),
    "gtk-doc": Kind("libglib2.0-doc", ("gtk-doc/html/glib/glib-*.html", "gtk-doc/html/gio/*.html"),
                    furniture="//table[@class='navigation'] | //div[@class='footer' or @class='toc']"),
    "haddock": Kind("ghc-doc", ("doc/ghc-doc/html/libraries/base-4.15.1.0/*.html",), "//div[@id='content']",
                    "//*[@id='table-of-contents' or @id='synopsis'] | //a[@class='link' or @class='selflink'] "
                    "| //table[@class='info']"),
    "javadoc": Kind("openjdk-17-doc",
                    tuple(f"doc/openjdk-17-jre-headless/api/java.base/java/{part}/*.html" for part in ("util", "io")),
                    "//main", "//div[@class='sub-nav']"),
    "mdbook": Kind("rust-doc", ("doc/rust-doc/html/book/ch*.html",), "//div[@id='content']//main",
                   "//i[contains(@class, 'fa')]"),
    "node": Kind("nodejs-doc", ("doc/nodejs/api/*.html",), "//div[@id='apicontent']", "//a[@class='mark']"),
    "postfix": Kind("postfix-doc", ("doc/postfix/html/*README.html",)),
    "qdoc": Kind("qtbase5-doc-html", ("qt5/doc/qtcore/*.html",), "//div[contains(@class, 'mainContent')]",
                 "//div[@class='sidebar']"),
    "rustdoc": Kind("rust-doc",
                    tuple(f"doc/rust-doc/html/{part}.html" for part in ("std/keyword.*", "std/macro.*")),
                    "//section[@id='main-content']",
                    "//*[contains(@class, 'out-of-band') or contains(@class, 'test-arrow') or @class='since'] "
                    "| //a[contains(@class, 'srclink') or contains(@class, 'anchor')]"),
    "scribble": Kind("racket-doc", ("doc/racket/guide/*.html", "doc/racket/reference/*.html"), "//div[@class='main']",
                     "//div[contains(@class, 'navset')]"),
    "sphinx, bind9": Kind("bind9-doc", ("doc/bind9-doc/arm/*.html",), "//div[@role='main']", _PERMALINKS),
    "sphinx, developers-reference": Kind(
        "developers-reference", ("doc/developers-reference/*.html", "doc/developers-reference/*/*.html"),
        "//div[@class='body' or @role='main']", _PERMALINKS),
    "sphinx, django": Kind("python-django-doc",
                           tuple(f"doc/python-django-doc/html/{part}/*.html" for part in ("topics", "howto", "ref")),
                           "//div[@id='bd']//div[contains(@class, 'yui-b')]",
                           f"{_PERMALINKS} | //div[contains(@class, 'topic')] | //div[@class='nav' or @id='sidebar']"),
    "sphinx, ghc": Kind("ghc-doc", ("doc/ghc-doc/html/users_guide/exts/*.html", "doc/ghc-doc/html/users_guide/*.html"),
                        "//div[@itemprop='articleBody']", _PERMALINKS),
    "sphinx, policy": Kind("debian-policy", ("doc/debian-policy/policy.html/*.html",), "//div[@class='body']",
                           _PERMALINKS),
    "sphinx, sqlalchemy": Kind("python-sqlalchemy-doc",
                               tuple(f"doc/python-sqlalchemy-doc/html/{part}/*.html" for part in ("orm", "core")),
                               "//div[@id='docs-body']", f"{_PERMALINKS} | //div[contains(@class, 'topic')]"),
    "sqlite": Kind("sqlite3-doc", ("doc/sqlite3/*.html",), furniture="//div[contains(@class, 'nosearch')]"),
    "swi-prolog": Kind("swi-prolog-doc", ("swi-prolog/doc/Manual/*.html",),
                       furniture="//div[@class='navigate'] | //*[contains(@class, 'toc')]"),
    "texinfo": Kind("octave-doc", ("doc/octave/octave.html/*.html",),
                    furniture="//div[@class='header' or @class='footnote' or contains(@class, 'nav-panel')] "
                    "| //table[@class='menu'] | //ul[contains(@class, 'mini-toc')]"),
}  # fmt: skip


def main() -> None:
    """Writes the pages, or names the packages they are from."""
    arguments = _arguments()
    if arguments.packages:
        print(*sorted({kind.package for kind in KINDS.values()}))
        return
    with gzip.open(arguments.out, "wt", encoding="utf-8") as out:
        for name, kind in KINDS.items():
            rows = [row for row, _ in zip(pages(name, kind, arguments.unpacked), range(arguments.each), strict=False)]
            out.writelines(json.dumps(row) + "\n" for row in rows)
            print(f"{name:<30}{len(rows):>4}")


def pages(name: str, kind: Kind, root: Path) -> Iterator[dict[str, str]]:
    """The pages of a kind with their texts, drawn by its name."""
    share = root / "usr" / "share"
    files = sorted({file for pattern in kind.files for file in share.glob(pattern) if _is_manual(file)})
    random.Random(name).shuffle(files)
    for file in files:
        html = file.read_text(encoding="utf-8", errors="replace")
        tree = etree.fromstring(html.encode(), etree.HTMLParser(encoding="utf-8"))
        for element in tree.xpath(kind.furniture):
            element.clear(keep_tail=True)
        wanted = "".join(part for element in tree.xpath(kind.content) for part in text_of(element))
        if len(wanted.split()) >= LEAST_WORDS:
            yield {"id": f"{name}/{file.name}", "kind": name, "html": html, "gold_text": wanted}


def text_of(element: etree._Element) -> Iterator[str]:
    """The text of an element, parted at the blocks in it."""
    if not isinstance(element.tag, str) or element.tag in NO_TEXT:
        return
    edge = "\n" if element.tag in BREAKS else ""
    yield edge + (element.text or "")
    for child in element:
        yield from text_of(child)
        yield child.tail or ""
    yield edge


def _is_manual(file: Path) -> bool:
    in_size = file.is_file() and LEAST_BYTES < file.stat().st_size < MOST_BYTES
    return in_size and not any(part in file.name for part in NO_MANUAL)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("unpacked", type=Path, nargs="?", default=Path("unpacked"), help="folder with usr/share in it")
    parser.add_argument("--out", type=Path, default=Path("manuals.jsonl.gz"))
    parser.add_argument("--each", type=int, default=8, help="pages of each kind")
    parser.add_argument("--packages", action="store_true", help="print the packages and stop")
    return parser.parse_args()


if __name__ == "__main__":
    main()
