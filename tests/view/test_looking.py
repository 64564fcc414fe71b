"""Looking: records are found, sorted and told in whole; hostile texts do nothing; nobody else gets in."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from humpback.errors import InputError
from humpback.runs.store import Run
from humpback.view.index import Index
from humpback.view.query import Query, full_text
from humpback.view.serve import write_bundle
from humpback.view.site import Site
from humpback.view.story import story
from humpback.view.texts import as_markdown, diff, visible
from tests.command import mistake
from tests.view.conftest import Client


@pytest.fixture(scope="module")
def index(finished: Path) -> Index:
    return Index(Run(finished / "run"))


def found(index: Index, **fields: str) -> list[str]:
    return Query(index, "anna", fields).ids()


def test_every_kind_of_record_is_there(index: Index):
    counts = index.counts()
    stage = index.run.stage
    assert counts["candidate"] == sum(1 for _ in stage("candidates").column("id"))
    assert counts["segment"] == sum(1 for _ in stage(index.plan.segments).column("id"))
    assert counts["document"] == 12
    assert counts["seed"] == 12
    assert counts["dropped"] >= 12
    assert dict(index.kept())["curated-2"] == len(found(index, k1="1"))


def test_candidates_are_sorted_and_bounded_by_every_score(index: Index):
    for column in ("s0", "s1"):
        rows = Query(index, "anna", {"sort": column, f"{column}_min": "2"}).page()
        scores = [row[column] for row in rows]
        assert scores == sorted(scores, reverse=True)
        assert scores
        assert min(scores) >= 2
    up = Query(index, "anna", {"sort": "length", "order": "up"}).page()
    assert [row["length"] for row in up] == sorted(row["length"] for row in up)


def test_words_and_phrases_are_found(index: Index):
    all_bees = found(index, q="bees")
    assert all_bees
    assert set(all_bees) < set(found(index))
    assert found(index, q='"For bees"')
    assert not found(index, q='"bees For bees For"')
    assert found(index, q="bee*") == all_bees
    assert not found(index, q="bee")
    assert found(index, kind="document", q="kites")


@pytest.mark.parametrize("text", ['"', "AND", "NEAR(", "a*b", "-x", "col:x", "'; drop table", "^a", "()", "\x00"])
def test_no_query_is_an_error(index: Index, text: str):
    found(index, q=text)


def test_scripts_without_spaces_are_searched_by_sign():
    assert full_text("日本") == '"日 本"'
    assert full_text('bees "for some" ') == '"bees" "for some"'


def test_a_wrong_field_is_named(index: Index):
    for fields in ({"s0_min": "much"}, {"kind": "x"}, {"decided": "x"}):
        with pytest.raises(InputError):
            found(index, **fields)


def test_a_story_has_the_whole_text_its_document_and_all_ratings(index: Index):
    row = Query(index, "anna", {"q": "rope"}).page()[0]
    told = story(index, "candidate", row["id"])
    assert len(told.response) == row["length"]
    assert [stage for stage, _, _ in told.ratings] == ["ratings-1", "ratings-2"]
    assert row["segment"] in [piece["id"] for piece, _ in told.pieces]
    assert all(len(text) == piece["length"] for piece, text in told.pieces)
    assert told.dropped_pieces
    assert len(told.pieces) == 2, "both segments of its document"
    assert told.nearest
    assert all(near["id"] != row["id"] for near in told.nearest)


def test_doubt_is_where_scorers_disagree(index: Index):
    rows = Query(index, "anna", {"sort": "doubt"}).page()
    first, last = (abs(row["s0"] - row["s1"]) for row in (rows[0], rows[-1]))
    assert first > last


def test_the_index_is_made_anew_when_a_stage_has_gone_on(folder: Path):
    first = Index(Run(folder))
    assert len(list((folder / "view").iterdir())) == 1
    (folder / "stages" / "ratings-2" / "part-00000.parquet").unlink()
    (folder / "stages" / "ratings-2" / "manifest.json").unlink()
    assert any(row["s1"] is None for row in Query(Index(Run(folder)), "anna", {}).page())
    assert not any(row["s1"] is None for row in Query(first, "anna", {}).page())


def test_hidden_signs_are_named_and_markdown_does_nothing():
    assert visible("a\u202eb\x1b[31m") == "a⟨U+202E⟩b⟨U+001B⟩[31m"
    html = as_markdown(
        "# Title\n\n<script>alert(1)</script> [x](javascript:alert(1)) ![p](http://x/y.png) <svg onload=a>"
    )
    assert "<script" not in html
    assert "<svg" not in html
    assert "<img" not in html
    assert "javascript:alert" not in re.findall('href="([^"]*)"', html)
    assert "<h4>Title</h4>" in html
    assert 'rel="noopener noreferrer nofollow"' in as_markdown("[x](https://example.org)")


def test_a_diff_marks_what_changed_and_escapes_the_rest():
    assert diff("Tell <b> me.", "Tell us.") == "Tell <del>&lt;b&gt; me</del><ins>us</ins>."


def test_nobody_gets_in_without_a_link_and_a_link_works_once(serve, folder: Path):
    served = serve(folder)
    client = Client(served)
    assert "Candidates" in client.get("/")
    stranger = Client(served)
    stranger.cookie = ""
    token = served.access.new_token()
    assert stranger.ask("GET", "/")[0] == 403
    assert stranger.ask("GET", f"/?token={token}")[0] == 303
    assert stranger.ask("GET", f"/?token={token}")[0] == 403


def test_other_names_and_other_sites_are_refused(serve, folder: Path):
    client = Client(serve(folder))
    assert client.ask("GET", "/", host="evil.example")[0] == 421
    for origin in ("https://evil.example", "null", ""):
        assert client.ask("POST", "/0/bulk", "verdict=reject", origin=origin)[0] == 403
    assert not list(folder.glob("decisions/*"))


def test_nothing_is_written_by_get_and_every_page_has_its_policy(serve, folder: Path):
    client = Client(serve(folder))
    for path in ("/0/decide", "/0/bulk", "/0/undo", "/0/redo", "/0/queue", "/annotator", "/invite"):
        assert client.ask("GET", path)[0] == 405
    for path in ("/", "/0/list", "/moved", "/compare", "/0/agreement", "/static/style.css", "/nothing"):
        headers = client.ask("GET", path)[1]
        assert headers["content-security-policy"].startswith("default-src 'self'; base-uri 'none'")
        assert headers["x-content-type-options"] == "nosniff"
    for path in ("/9/list", "/0/list?page=x", "/0/list?s0_min=x", "/0/record/candidate/none", "/moved?left=x"):
        status, _, text = client.ask("GET", path)
        assert status == 400
        assert "This cannot be shown" in text
    assert client.ask("GET", "/static/../site.py")[0] == 404


def test_a_form_leads_to_no_other_site(serve, folder: Path):
    client = Client(serve(folder))
    for target in ("https://evil.example", "//evil.example", "/\\evil.example"):
        assert client.post("/0/undo", back=target) == "/"


def test_a_deep_link_finds_a_record_in_any_run(serve, folder: Path, index: Index):
    client = Client(serve(folder))
    row = Query(index, "anna", {}).page()[0]
    status, headers, _ = client.ask("GET", f"/find/{row['id']}")
    assert (status, headers["location"]) == (303, f"/0/record/candidate/{row['id']}")


def test_a_bundle_is_a_folder_of_pages_that_link_to_one_another(folder: Path, tmp_path: Path):
    line = write_bundle(Site([Run(folder)]), tmp_path / "shared")
    pages = {path.name: path.read_text() for path in (tmp_path / "shared").glob("*.html")}
    assert f"{len(pages)} pages" in line
    for text in pages.values():
        for link in re.findall(r'href="([^"]*)"', text):
            assert link.startswith(("#", "http")) or (tmp_path / "shared" / link).exists(), link
        assert "<form" not in text
        assert "<script" not in text
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "note.txt").write_text("mine")
    assert "holds something else" in mistake("view", folder, "--bundle", tmp_path / "mine")


def test_mistakes_are_one_line(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch):
    assert "no run in" in mistake("view", tmp_path)
    assert "name of an annotator" in mistake("view", folder, "--annotator", "../x")
    assert "holds something else" not in mistake("view", folder, "--bundle", folder / "config.yaml")
    assert "cannot listen" in mistake("view", folder, "--host", "203.0.113.1")
    monkeypatch.setitem(sys.modules, "nh3", None)
    assert "needs nh3: pip install 'humpback-align[view]'" in mistake("view", folder)
