"""Web archives (WARC, WET) to documents.

Pages are in response records (HTTP status 200), in resource records and, as text, in conversion records. Other
responses are dropped with a reason. The crawler's own notes (warcinfo, request, metadata, revisit, continuation, and
addresses such as `dns:` and `urn:`) are no documents and are skipped. Each damaged place is one entry of the ledger.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from resiliparse.parse.encoding import detect_mime

from humpback.config import CorpusSettings
from humpback.corpus.archives.archive import Damage, Record, Span, read_records
from humpback.corpus.archives.bodies import decode_body, parse_response
from humpback.corpus.parsing.sections import Unusable
from humpback.corpus.reading.decode import Undecodable, decode
from humpback.corpus.reading.documents import as_document, as_dropped
from humpback.data_access.source_file import SourceFile
from humpback.records import Document, DocumentFormat, Dropped

_COMPRESSIONS = ("", ".gz", ".zst")
_BYTES_PER_CHARACTER = 4
_FORMS: dict[str, DocumentFormat] = {
    "text/html": "html",
    "application/xhtml+xml": "html",
    "application/vnd.wap.xhtml+xml": "html",
    "text/plain": "text",
    "text/markdown": "markdown",
    "text/x-markdown": "markdown",
    "text/x-web-markdown": "markdown",
}
"""The content types that are read."""
_ENDINGS: dict[str, DocumentFormat] = {".md": "markdown", ".markdown": "markdown", ".rst": "rst"}
"""The format of a plain text by the ending of its address."""
_UNTYPED = ("", "application/octet-stream", "application/xml", "text/xml")
"""Types that say nothing about the format: the content decides."""
_NOTES = re.compile(r"(?:dns|whois|metadata|urn|filedesc|about|screenshot):", re.IGNORECASE)
_MIME = re.compile(r"\s*([\w.+-]{1,100}/[\w.+-]{1,100})", re.ASCII)
_CHARSET = re.compile(r"charset\s*=\s*[\"']?\s*([\w.:+-]{1,40})", re.IGNORECASE | re.ASCII)
_HTML = re.compile(rb"<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE)
_XHTML = re.compile(rb"\A\s*(?:<\?xml[^>]{0,200}>\s*)?<(?:!doctype\s+html|html)\b", re.IGNORECASE)
_CONTROLS = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_LOOK = 2048
_QUERY = re.compile(r"[?#]")
_MAX_ADDRESS = 2000


@dataclass(frozen=True, slots=True)
class _Page:
    """The content of a page, unpacked but not decoded."""

    body: bytes
    form: DocumentFormat
    charset: str
    """The charset that was declared outside the body."""


def read_archive(source: SourceFile, settings: CorpusSettings) -> Iterator[Document | Dropped]:
    """The documents of an archive, or of the span of it that the source names."""
    if source.compression not in _COMPRESSIONS:
        detail = f"a web archive packed as {source.compression}: only plain, .gz and .zst are read"
        yield as_dropped(source.name, "not read", detail, "")
        return
    most = settings.max_document_chars * _BYTES_PER_CHARACTER
    with source.open_stored() as file:
        for item in read_records(file, most, Span(source.begin, source.end or None), source.compression):
            name = f"{source.name}@{item.offset}"
            if isinstance(item, Damage):
                yield as_dropped(name, "damaged record", item.detail, "")
                continue
            address = _address(item)
            if item.fields["warc-type"].lower() in _PAGES and not _NOTES.match(address):
                yield _document(item, address, address or name, settings)


def _address(record: Record) -> str:
    """The address of the page, without the brackets that some crawlers write around it."""
    target = record.fields.get("warc-target-uri", "").strip().strip("<>")
    return "%20".join(target.split())[:_MAX_ADDRESS]


def _document(record: Record, address: str, source: str, settings: CorpusSettings) -> Document | Dropped:
    most = settings.max_document_chars * _BYTES_PER_CHARACTER
    try:
        page = _PAGES[record.fields["warc-type"].lower()](record, address, most)
    except Unusable as bad:
        return as_dropped(source, bad.reason, bad.detail, "")
    try:
        text = decode(page.body, html=page.form == "html", declared=page.charset)
    except Undecodable as error:
        return as_dropped(source, "not text", str(error), decode(page.body[:1000], lenient=True))
    return as_document(source, page.form if settings.format == "auto" else settings.format, "", text, settings)


def _sent_page(record: Record, address: str, most: int) -> _Page:
    """The page that a server sent."""
    response = parse_response(record.block)
    if response is None:
        raise Unusable("not text", record.fields.get("content-type") or "no HTTP response")
    if response.status != 200:
        raise Unusable("http status", str(response.status))
    sent = response.fields.get("content-type", "")
    kind = _kind(record, sent)
    if kind not in _FORMS and kind not in _UNTYPED:
        raise Unusable("not text", kind)
    _refuse_cut(record)
    return _page(decode_body(response, most), kind, sent, address)


def _stored_page(record: Record, address: str, most: int) -> _Page:
    """A page or its text that a crawler or a converter stored without an HTTP header."""
    stated = record.fields.get("content-type", "")
    kind = _kind(record, stated)
    if kind in _FORMS or kind in _UNTYPED:
        _refuse_cut(record)
    return _page(record.block, kind, stated, address)


def _kind(record: Record, stated: str) -> str:
    """The type of a page: the one that was identified from its content, unless the stated one says more."""
    stated_type, identified_type = _mime(stated), _mime(record.fields.get("warc-identified-payload-type", ""))
    # A tool that identifies types knows text from HTML, but often not Markdown: there the server's word counts.
    is_plain = identified_type.startswith("text/") and _FORMS.get(identified_type, "text") == "text"
    return stated_type or identified_type if is_plain or identified_type in _UNTYPED else identified_type


def _mime(stated: str) -> str:
    match = _MIME.match(stated)
    return match.group(1).lower() if match else ""


def _refuse_cut(record: Record) -> None:
    if record.length > len(record.block):
        raise Unusable("document too long", f"{record.length} bytes")


def _page(body: bytes, kind: str, stated: str, address: str) -> _Page:
    if kind in _UNTYPED:
        kind = _look(body, kind)
    if kind not in _FORMS:
        raise Unusable("not text", kind)
    form = _FORMS[kind]
    if kind == "text/plain":
        form = _ENDINGS.get(PurePosixPath(_QUERY.split(address, maxsplit=1)[0]).suffix.lower(), form)
    charset = _CHARSET.search(stated)
    return _Page(body, form, charset.group(1) if charset else "")


def _look(body: bytes, kind: str) -> str:
    """The type of a page from its content, if its header says nothing useful."""
    head = body[:_LOOK]
    if kind.endswith("xml"):
        return "application/xhtml+xml" if _XHTML.search(head) else kind
    if _HTML.search(head):
        return "text/html"
    mime = str(detect_mime(head))
    if mime not in ("text/plain", "application/octet-stream"):
        return mime
    return "application/octet-stream" if len(_CONTROLS.findall(head)) * 100 > len(head) else "text/plain"


_PAGES: Mapping[str, Callable[[Record, str, int], _Page]] = {
    "response": _sent_page,
    "resource": _stored_page,
    "conversion": _stored_page,
}
"""The types of record that hold pages."""
