"""The unlabelled corpus: where documents come from, what becomes a segment, what is dropped across all of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from humpback.config.base import Positive, Settings, Share
from humpback.config.paths import FileName, OneOrMore, Source

FilterName = Literal[
    "no header",
    "navigation header",
    "header all upper-case",
    "too short",
    "too long",
    "mostly links",
    "mostly code or symbols",
    "wrong language",
    "many symbols",
    "many capitals",
    "lines break off",
    "mostly bullet points",
    "starts inside a sentence",
    "stops short",
    "opens in the middle",
    "leans on its page",
    "something is missing",
    "unfinished template",
    "speaks to the rater",
    "repeats itself",
    "holds personal data",
    "exercises or objectives",
    "readers' comments",
    "advertises",
]
"""The filters of segments, by the reason that their objections are counted under."""


class SegmentSettings(Settings):
    """Which parts of a document may become responses (paper, section 2.1 and appendix)."""

    min_chars: Positive = 600
    """Shortest segment, in characters."""
    max_chars: Positive = 3000
    """Longest segment, in characters."""
    dense_chars: Positive = 3
    """As how many characters one of Chinese or Japanese counts in min_chars and max_chars: it says as much as about
    three of English. A syllable of Korean counts two thirds of that. 1 counts all scripts alike."""
    split_at: Literal["headers", "paragraphs", "sentences"] = "sentences"
    """Where a text may be cut that is longer than max_chars. headers: there alone, as in the paper, so that a section
    without sub-headers is dropped as too long; text without any header is cut between paragraphs. paragraphs: also
    between paragraphs, lines and list items. sentences: also between two sentences of a paragraph, where it must be. No
    sentence, table or block of code is cut."""
    max_repetition: Share = 0.7
    """Drop a segment of which two sentences share more than this part of their word n-grams (Jaccard similarity). The
    paper does not give it; at 0.3 lists of parameters and of steps, which are good answers, go too."""
    repetition_ngram: Positive = 3
    """The n of those n-grams. The paper does not give it."""
    languages: tuple[str, ...] = ("en",)
    """ISO 639-1 codes to keep; empty keeps all."""
    min_language_probability: Share = 0.65
    """Drop a segment whose language is less sure than this, as in FineWeb (Penedo et al. 2024)."""
    max_links: Share = 0.5
    """Drop a segment of which more than this part is links."""
    min_prose: Share = 0.12
    """Drop a segment of which less than this part is letters of prose: the rest is code, figures and symbols."""
    max_symbols: Share = 0.1
    """Most hash signs and ellipses to a word, as in MassiveText (Rae et al. 2021)."""
    max_capitals: Share = 0.3
    """Drop a segment of which more than this part of the letters is capitals. In English prose 3 % are; of 4,800
    segments of documentation one in a thousand has more than 19 %."""
    max_ellipsis_lines: Share = 0.3
    """Drop a segment of which more than this part of the lines ends in an ellipsis, as in MassiveText."""
    max_bullet_lines: Share = 0.9
    """Drop a segment of which more than this part of the lines are bullet points, as in MassiveText. Here only short
    ones count, of 8 words at most, and no numbered steps: lists of ingredients or of reasons are good answers."""
    personal_data: Literal["mask", "drop", "keep"] = "mask"
    """mask: put words such as [email address] in the place of e-mail addresses, phone numbers, public IP addresses,
    bank accounts, payment cards and US social security numbers. drop: drop the segments that hold them."""
    skip: tuple[FilterName, ...] = ()
    """Filters not to apply, by the reason they are counted under, such as 'leans on its page'."""
    header_blocklist: tuple[str, ...] = (
        "advertisement",
        "forum",
        "quick link",
        "free newsletter",
        "newsletter",
        "related post",
        "related article",
        "related stories",
        "related content",
        "recommended reading",
        "suggested reading",
        "attribution",
        "resource",
        "you may also like",
        "more from",
        "most popular",
        "trending",
        "leave a reply",
        "comment",
        "share this",
        "sign up",
        "subscribe",
        "log in",
        "table of contents",
        "contents",
        "on this page",
        "site map",
        "privacy policy",
        "terms of service",
        "cookie",
        "navigation",
        "license",
        "licensing",
        "changelog",
        "change log",
        "release note",
        "release history",
        "what's changed",
        "new contributor",
        "contributing",
        "contributor",
        "contribute",
        "author",
        "maintainers",
        "credits",
        "acknowledgements",
        "acknowledgments",
        "sponsor",
        "backers",
        "donate",
        "donation",
        "citation",
        "citing",
        "contact",
        "code of conduct",
        "bug report",
        "see also",
        "further reading",
        "more information",
        "additional resource",
        "external link",
        "useful link",
        "link",
        "references",
    )
    """Drop a segment whose header is one of these phrases, small words aside: navigation, not an answer. Such a section
    is also left out of a larger one that holds it."""

    def contradictions(self) -> Iterator[str]:
        """The bounds of a segment."""
        if self.min_chars > self.max_chars:
            yield f"min_chars {self.min_chars} is above max_chars {self.max_chars}"


class UrlSettings(Settings):
    """Which addresses are not read, where documents have one."""

    blocklists: Annotated[tuple[FileName, ...], OneOrMore] = ()
    """Files with one host, domain or start of an address on each line; '#' begins a comment. .gz and .zst too."""
    adult: bool = True
    """Drop documents whose address holds a word of the list of adult words that ships."""
    for_machines: tuple[str, ...] = ("robots.txt", "ads.txt", "app-ads.txt", "sitemap.txt", ".well-known/")
    """Drop documents that stand at one of these places of a host, written for programs and not for people; an entry
    that ends in '/' takes all below it."""


class DeduplicateSettings(Settings):
    """Duplicates across the whole corpus: MinHash with locality-sensitive hashing (Broder 1997), out of core."""

    exact: bool = True
    """Drop all but the first of segments that are the same but for case and white space."""
    near: bool = True
    """Drop all but the first of segments that nearly are."""
    threshold: Share = 0.8
    """Jaccard similarity of the sets of word n-grams from which two segments are near-duplicates. It is estimated
    to .03: of planted pairs all from .85 on are found, of .8 to .85 96 %, of .7 to .8 24 %, below none."""
    ngram: Positive = 5
    """Words in one of those n-grams (shingles); case, punctuation and Markdown marks do not count."""
    bands: Positive = 16
    """Bands of the signature: two segments are compared where they agree in all rows of one."""
    rows: Positive = 6
    """Hashes in a band. With 16 bands of 6, 99.2 % of the pairs of similarity .8 meet, and 22 % of those of .5."""
    meaning: Annotated[float, Field(gt=0, le=1)] | None = None
    """Drop all but the first of segments that say the same in other words (SemDeDup, Abbas et al. 2023): those whose
    hidden states have at least this cosine similarity, such as 0.95. The base model reads the first
    `corpus.choose.tokens` tokens of each, so two that only begin alike are the same to it. Empty drops none."""
    meaning_clusters: Positive = 100
    """With `meaning`, compare segments only within so many groups of like ones (k-means of `corpus.choose.sample`
    segments). More groups take less time and memory; what is alike across the border of two groups is not found."""


class LineSettings(Settings):
    """Lines that recur across a site: its furniture, whatever the markup said."""

    max_documents: Annotated[int, Field(ge=0)] = 5
    """A line of prose in segments from more documents of one site than this is taken out of all; 0 takes none."""
    min_share: Share = 0.05
    """The line must also stand in at least this part of the site's documents: a site of thousands says many things
    often. Of 298 recipes of one site no step stands in more than 1.3 %."""
    min_chars: Positive = 25
    """Shorter lines may recur."""


class ChooseSettings(Settings):
    """Which segments instructions are written for: those that resemble the seed's answers. Not in the paper."""

    share: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Keep this share of the segments, those most like the seed's answers first. At 1 nothing is chosen."""
    by: Literal["words", "hidden"] = "words"
    """words: by the words that speak for the seed (naive Bayes); asks no model, and found more wherever both were
    measured (docs/corpus.md). hidden: by the base model's hidden states, in the direction in which the seed's answers
    differ from the corpus."""
    explore: Share = 0.1
    """This part of what is kept is drawn by chance from all others, so that what the seed lacks is not lost."""
    words_share: Annotated[float, Field(gt=0, le=1)] = 1.0
    """With `by: hidden`, let the model read only this share of the segments, about, the best by words: a cheap first
    step for large corpora. At 1 it reads all."""
    sample: Annotated[int, Field(ge=20)] = 2000
    """Segments that the direction is made from, drawn by chance, and at most as many seed answers. The groups of
    `corpus.deduplicate.meaning` are made from as many."""
    tokens: Positive = 64
    """Tokens at the beginning of a text that the model reads, for `corpus.deduplicate.meaning` too."""
    clusters: Annotated[int, Field(ge=0, le=1000)] = 0
    """Put like segments into so many groups (k-means of the hidden states), such as 20; 0 makes no groups."""
    max_cluster_share: Annotated[float, Field(gt=0, le=1)] = 0.5
    """No group fills more than this part of what is kept for its likeness; the next best of other groups move up."""

    def contradictions(self) -> Iterator[str]:
        """What is not for words, and shares."""
        if self.by == "words" and (self.words_share < 1 or self.clusters):
            yield "words_share and clusters are for hidden states: leave them out with 'by: words'"
        if self.share < 1 and self.share > self.words_share:
            yield f"share {self.share:g} keeps more than words_share {self.words_share:g} lets be read"


class CorpusSettings(Settings):
    """The unlabelled corpus."""

    documents: Annotated[tuple[Source, ...], OneOrMore] = ()
    """Must be given. One or a list: files, folders, globs, and URLs of them (https://, s3://, gs://, hf:// and what
    else fsspec knows; '${NAME}' is an environment variable): web archives (WARC, WET), HTML, Markdown,
    reStructuredText, text, EPUB, DOCX, PPTX, XLSX, PDF, notebooks (IPYNB), and tables (JSONL, JSON, CSV, TSV, Parquet,
    Arrow); .gz, .zst, .bz2 and .xz too. In a folder or glob with other documents .json, .csv and .tsv files are passed
    over. 'hf:NAME' or 'hf:NAME:CONFIG/SPLIT' is a Hugging Face data set, on the hub or in a folder; 'installed:' the
    descriptions of the Python distributions installed here, 'package:demo' the documents that ship."""
    exclude: tuple[str, ...] = ()
    """Files to leave out, even of those that are named: globs, each compared with the end of a path. '*.tmp.md' leaves
    out files, 'drafts/' all files of a folder; '*' stands for folders too."""
    text_column: str = ""
    """Column with the text of a table; empty finds 'text', 'content', 'html', 'markdown', 'body'."""
    title_column: str = ""
    """Column with the title; empty finds 'title'."""
    id_column: str = ""
    """Column with the name of the document; empty finds 'url', 'id', 'source'."""
    format: Literal["auto", "html", "markdown", "rst", "text"] = "auto"
    """How the text is to be read; auto goes by the file's ending, or for a table by the look of the text. With
    another value every file is read, and .json, .csv and .tsv files are documents in this format and no tables."""
    max_document_chars: Positive = 5_000_000
    """A longer document is dropped and counted."""
    max_document_seconds: Annotated[float, Field(gt=0)] = 30.0
    """A document that takes more seconds of processor time to parse and cut is dropped and counted."""
    part_mib: Positive = 64
    """Stored size of the parts that the documents are worked on in, each by one worker, in MiB."""
    memory_mib: Positive = 256
    """Memory that one worker may take to find duplicates and recurring lines, in MiB; more is done in passes."""
    limit: Annotated[int, Field(ge=0)] = 0
    """Keep this many segments, a seeded sample of all; 0 keeps all."""
    urls: UrlSettings = UrlSettings()
    segment: SegmentSettings = SegmentSettings()
    lines: LineSettings = LineSettings()
    deduplicate: DeduplicateSettings = DeduplicateSettings()
    choose: ChooseSettings = ChooseSettings()

    def contradictions(self) -> Iterator[str]:
        """The shortest segment and the longest document."""
        if self.segment.min_chars > self.max_document_chars:
            yield f"segment.min_chars {self.segment.min_chars} is above max_document_chars {self.max_document_chars}"
