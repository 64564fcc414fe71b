"""Whatever strangers send is read, dropped, or refused in one line: an exception that is not ours is a bug.

`--hypothesis-profile=torture` tries many times as much.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import zipfile
from collections.abc import Callable
from copy import copy
from functools import cache, wraps
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from humpback.config import CorpusSettings, SeedSettings
from humpback.corpus.cut import cut
from humpback.corpus.readers import list_sources, read_documents
from humpback.engines import replies
from humpback.errors import HumpbackError
from humpback.method.settings_file import in_full, parse_config, resolved, with_changes
from humpback.models.template import Template
from humpback.prompts import parse_rating, parse_verdict, reasons
from humpback.records import Document, Dropped
from humpback.requests import Message, Part
from humpback.seed import read_seed
from tests.corpus import book_files
from tests.corpus.samples import BREAD, BREAD_TEXT
from tests.corpus.warc_samples import PACKINGS, record, sent
from tests.data_access.formats import FORMATS
from tests.torture.conftest import EVERY

WHOLE = settings.get_current_profile_name() == "torture"
ANY_TEXT = st.text(st.characters(exclude_categories=()))
"""With lone surrogates."""
DAMAGE = st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(0, 3), st.binary(max_size=12)), max_size=6)
"""A place, what is done there, and bytes for it."""
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT,
    lambda items: st.lists(items, max_size=4) | st.dictionaries(ANY_TEXT, items, max_size=4),
)


TRIES: dict[str, list[Any]] = {}
"""Kind, tries and faults of each test, for the table at the end."""


@pytest.fixture(autouse=True)
def count(request: pytest.FixtureRequest, record_property: Callable[[str, object], None]) -> None:
    name = request.node.name
    TRIES[name] = ["fuzzing: " + name.removeprefix("test_no_").replace("_", " "), 0, 0]
    record_property("tries", TRIES[name])


def fuzz(*strategies: Any, examples: int, whole: int) -> Callable[[Any], Any]:
    """Tries so many examples, or so many where the whole is asked for."""

    def decorate(test: Any) -> Any:
        @wraps(test)
        def counted(*arguments: Any, **named: Any) -> None:
            TRIES[test.__name__][1] += 1
            test(*arguments, **named)

        limits = {"max_examples": -(-whole // EVERY) if WHOLE else examples, "deadline": None, "derandomize": not WHOLE}
        limits |= {"report_multiple_bugs": False, "phases": (Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink)}
        checks = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
        return settings(**limits, suppress_health_check=checks)(given(*strategies)(counted))

    return decorate


def damaged(content: bytes, damage: list[tuple[int, int, bytes]]) -> bytes:
    """Bytes replaced, put in, cut out, or said twice."""
    changed = bytearray(content)
    for place, kind, new in damage:
        at = place % (len(changed) + 1)
        changed[at : at + (0, len(new), 5, 40)[kind]] = (new, new, b"", bytes(changed[at : at + 80]))[kind]
    return bytes(changed)


def damaged_inside(content: bytes, damage: list[tuple[int, int, bytes]], number: int) -> bytes:
    """A ZIP archive in which one file is damaged: its checksums hide nothing."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w") as new:
        for at, name in enumerate(old.namelist()):
            member = old.read(name)
            new.writestr(name, damaged(member, damage) if at == number % len(old.namelist()) else member)
    return out.getvalue()


@cache
def samples(folder: Path) -> dict[str, bytes]:
    """A file of every kind that is read, by its name."""
    page = f"<html><head><title>Bread</title></head><body><h1>Bread</h1><p>{BREAD_TEXT}</p></body></html>".encode()
    books = {
        "a.pdf": lambda path: book_files.write_pdf(path, [book_files.column(list(BREAD))]),
        "a.docx": lambda path: book_files.write_docx(path, book_files.paragraph(BREAD[0])),
        "a.pptx": lambda path: book_files.write_pptx(path, book_files.Slide("Bread", ((0, BREAD[0]),))),
        "a.xlsx": lambda path: book_files.write_xlsx(path, {"Bread": [[BREAD[0]]]}),
        "a.ipynb": lambda path: book_files.write_ipynb(path, ("markdown", BREAD[0])),
        "a.epub": lambda path: book_files.write_epub(path, "x", book_files.Chapter("1.xhtml", "", page.decode())),
    }
    for name, write in books.items():
        write(folder / name)
    archives = {f"a.warc{ending}": pack(record(sent(page))) for ending, pack in PACKINGS.items()}
    text = f"# Bread\n\n{BREAD_TEXT}\n\n- a\n\n```\ncode\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n".encode()
    plain = {"a.html": page, "a.md": text, "a.rst": b"Bread\n=====\n\n.. note:: x\n\n" + text, "a.txt": text}
    return {**plain, **FORMATS, **archives, **{name: (folder / name).read_bytes() for name in books}}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return samples(tmp_path_factory.mktemp("samples"))


@fuzz(st.data(), DAMAGE, examples=15, whole=3000)
def test_no_file_makes_a_reader_crash(tmp_path: Path, files: dict[str, bytes], data: st.DataObject, damage):
    name = data.draw(st.sampled_from(sorted(files)))
    path = tmp_path / name
    if files[name].startswith(b"PK") and data.draw(st.booleans()):
        path.write_bytes(damaged_inside(files[name], damage, data.draw(st.integers(0, 99))))
    else:
        path.write_bytes(damaged(files[name], damage))
    given_settings = CorpusSettings.model_validate({"documents": (str(path),), "segment": {"min_chars": 1}})
    with contextlib.suppress(HumpbackError):
        items = list(read_documents(given_settings, list_sources(given_settings)))
        assert all(isinstance(item, Document | Dropped) for item in items)
        outcome = cut(items, given_settings)
        assert len(outcome.kept) + len(outcome.dropped) == outcome.read


@fuzz(st.sampled_from(sorted(FORMATS)), DAMAGE, examples=15, whole=3000)
def test_no_file_makes_the_seed_crash(tmp_path: Path, name: str, damage):
    path = tmp_path / name
    path.write_bytes(damaged(FORMATS[name], damage))
    with contextlib.suppress(HumpbackError):
        read_seed(SeedSettings(source=str(path)), 0)


@fuzz(st.lists(st.binary(min_size=1, max_size=40), max_size=4), st.booleans(), examples=8, whole=1000)
def test_no_file_name_makes_a_corpus_crash(tmp_path_factory, names: list[bytes], folders: bool):
    base = tmp_path_factory.mktemp("names")
    for name in names:
        path = base / os.fsdecode(name.replace(b"/", b"-").replace(b"\0", b"0"))
        with contextlib.suppress(OSError):  # '.' and '..', and one twice
            if folders:
                path.mkdir()
                path /= path.name
            path.with_name(path.name[:30] + ".md").write_text(f"# Bread\n\n{BREAD_TEXT}\n", encoding="utf-8")
    given_settings = CorpusSettings(documents=(str(base),))
    with contextlib.suppress(HumpbackError):
        outcome = cut(list(read_documents(given_settings, list_sources(given_settings))), given_settings)
        for item in (*outcome.kept, *outcome.dropped):
            item.source.encode()  # it can be stored


@fuzz(ANY_TEXT, st.sampled_from(["stop", "length", "error"]), examples=30, whole=5000)
def test_no_reply_makes_a_parser_crash(reply: str, finish):
    parse_rating(reply, finish)
    parse_verdict(reply, finish)
    reasons(reply, finish)


COMPLETION = {
    "choices": [
        {
            "message": {"content": "Score: 4"},
            "text": "a",
            "finish_reason": "stop",
            "logprobs": {
                "content": [{"token": "4", "logprob": -0.1, "top_logprobs": [{"token": "5", "logprob": -3.0}]}],
                **{"tokens": ["a", "4"], "token_logprobs": [None, -0.1], "text_offset": [0, 1], "top_logprobs": None},
            },
        }
    ],
    "usage": {"prompt_tokens": 7, "completion_tokens": 2},
    "data": [{"id": "m"}],
}


def exchanged(value: Any, draw: Callable[[Any], Any]) -> Any:
    """A JSON value with something else in the place of some of its parts."""
    if draw(st.integers(0, 9)) == 0:
        return draw(JSON)
    if isinstance(value, dict):
        return {name: exchanged(entry, draw) for name, entry in value.items() if draw(st.integers(0, 19))}
    return [exchanged(entry, draw) for entry in value] if isinstance(value, list) else value


@fuzz(st.data(), examples=8, whole=1500)
def test_no_answer_of_a_server_makes_its_reader_crash(data: st.DataObject):
    answer = {name: exchanged(value, data.draw) for name, value in COMPLETION.items()}
    for read in (replies.read_completion, replies.read_prompt, replies.read_models):
        with contextlib.suppress(ValueError, KeyError, TypeError, IndexError):  # what counts as a damaged reply
            read(answer)
    body = json.dumps(answer).encode()
    assert isinstance(replies.error_text(damaged(body, data.draw(DAMAGE))), str)
    assert replies.retry_after(data.draw(ANY_TEXT)) >= 0


@cache
def whole_config() -> str:
    return resolved(in_full(parse_config("corpus: {documents: docs}\nseed: {source: seed.jsonl}\n", "run.yaml")))


@fuzz(DAMAGE, st.data(), examples=8, whole=1500)
def test_no_settings_file_makes_its_reader_crash(damage, data: st.DataObject):
    text = damaged(whole_config().encode(), damage).decode(
        errors=data.draw(st.sampled_from(["replace", "surrogateescape"]))
    )
    with contextlib.suppress(HumpbackError):
        parse_config(text, "run.yaml")


@fuzz(st.data(), examples=10, whole=2000)
def test_no_value_of_a_setting_makes_its_reader_crash(data: st.DataObject):
    values, path = yaml.safe_load(whole_config()), []
    while isinstance(values, dict) and values and (not path or data.draw(st.integers(0, 4))):
        path.append(data.draw(st.sampled_from(sorted(values))))
        values = values[path[-1]]
    changed: Any = data.draw(JSON)
    for name in reversed(path):
        changed = {name: changed}
    with contextlib.suppress(HumpbackError):
        parse_config(yaml.safe_dump(changed), "run.yaml")
    with contextlib.suppress(HumpbackError):
        with_changes(parse_config("{}", "run.yaml"), [f"{'.'.join(path)}={data.draw(ANY_TEXT)}"])


TEMPLATE = st.lists(
    st.sampled_from(
        [
            *("{% for message in messages %}", "{% endfor %}", "{{ message['content'] }}", "{{ message.role }}", "{{"),
            *("{% if add_generation_prompt %}", "{% endif %}", "{% for i in range(3) %}", "{{ x.y.z }}", "}}", "{% "),
            *("{{ raise_exception('no') }}", "{{ messages[0].content | tojson }}", "{{ 1 / 0 }}", "{{ [] [7] }}"),
            *("<s>", "{{ eos_token }}", "{{ strftime_now('%Y') }}", "{% set x = 'a' * 9 %}", "{% include 'x' %}", "\n"),
            *(
                "{{ ''.__class__.__mro__ }}",
                "{% macro a() %}{{ a() }}{% endmacro %}",
                "{{ a() }}",
                "{{ messages.pop() }}",
            ),
        ]
    )
    | st.text(max_size=5),
    max_size=9,
).map("".join)


@pytest.fixture(scope="module")
def tokenizer(tiny_model: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(tiny_model)


@fuzz(TEMPLATE, ANY_TEXT, examples=15, whole=2500)
def test_no_template_of_a_model_makes_it_crash(tokenizer, template: str, text: str):
    own = copy(tokenizer)
    own.chat_template = template
    with contextlib.suppress(HumpbackError):
        Template(own).example((Message("user", (Part(text),)),), "Yes.", 200)
