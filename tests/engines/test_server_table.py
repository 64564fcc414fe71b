"""Limits and prices of servers, from the table that comes along and the user's own."""

from __future__ import annotations

import pytest

from humpback.config import ModelSettings
from humpback.engines.server_table import with_table
from humpback.errors import ConfigError


@pytest.fixture(autouse=True)
def table(tmp_path, monkeypatch):
    path = tmp_path / "servers.yaml"
    path.write_text("servers: []\n", encoding="utf-8")
    monkeypatch.setenv("HUMPBACK_SERVERS", str(path))
    return path


def server(url: str, name: str = "m", **more: object):
    settings = {"name": name, "engine": "openai", "server": {"base_url": url, **more}}
    return with_table(ModelSettings.model_validate(settings)).server


def test_what_is_known_of_a_server_is_taken_and_what_is_set_stays(monkeypatch):
    monkeypatch.setenv("DEEPINFRA_TOKEN", "x")
    url = "https://api.deepinfra.com/v1/openai"
    assert (server(url).concurrency, server(url).api_key_env) == (200, "DEEPINFRA_TOKEN")
    own = server(url, concurrency=5, api_key_env="")
    assert (own.concurrency, own.api_key_env) == (5, "")
    assert server("http://localhost:8000/v1").concurrency is None


def test_a_key_that_nobody_has_set_is_not_asked_for(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    assert server("https://api.openai.com/v1").api_key_env == ""


def test_the_users_table_comes_first_and_the_first_entry_with_a_value_counts(table):
    table.write_text(
        "servers:\n"
        "- {address: gpu.example.org:8000/v1, model: big-*, price_read: 0.5, price_written: 2}\n"
        "- {address: '*.example.org*', price_read: 0.1, concurrency: 9}\n"
        "- {address: api.deepinfra.com/*, concurrency: 50}\n",
        encoding="utf-8",
    )
    big, small = (server("http://gpu.example.org:8000/v1", name) for name in ("big-1", "small"))
    assert (big.price_read, big.price_written, big.concurrency) == (0.5, 2, 9)
    assert (small.price_read, small.price_written) == (0.1, 0)
    assert "price_read" in big.model_fields_set
    assert server("https://api.deepinfra.com/v1/openai").concurrency == 50


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("servers: [{address: a, prise_read: 1}]", "prise_read"),
        ("servers: [{address: a, price_read: -1}]", "price_read"),
        ("servers: [{address: a, api_key_env: sk-abc}]", "api_key_env"),
        ("servers: [", "cannot be read"),
        ("- address: a", "holds no 'servers:'"),
    ],
)
def test_a_mistake_in_the_users_table_is_one_line(table, text, expected):
    table.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=expected) as caught:
        server("http://a/v1")
    assert str(table) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_table_that_is_named_and_not_there_is_one_line(table):
    table.unlink()
    with pytest.raises(ConfigError, match=r"cannot be read .*No such file"):
        server("http://a/v1")
