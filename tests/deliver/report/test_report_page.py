"""The page: whole, self-contained, and safe to open whatever the documents held."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from humpback.deliver.facts import Difference, LossSummary, ReasonCount, StageFacts
from humpback.deliver.report.data import (
    DirectionSummary,
    RatingSummary,
    ReportData,
    RunFacts,
    Sample,
    Unfinished,
    Unread,
)
from humpback.deliver.report.funnel import funnel
from humpback.deliver.report.losses import loss_summaries
from humpback.deliver.report.render import render
from humpback.deliver.report.verdict import verdict
from tests.deliver.report.conftest import MODELS, make_losses

HOSTILE = (
    "<script>alert(1)</script></details></article></main><img src=x onerror=alert(2)>"
    "<a href='javascript:alert(3)'>\"'><svg onload=alert(4)> {{ 7*7 }} {% include 'x' %} </style><!-- \u202eevil"
)


class Elements(HTMLParser):
    """Every element with its attributes, and what is still open at the end."""

    VOID = frozenset({"meta", "link", "br", "img", "input", "hr", "rect", "path"})

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in self.VOID or tag == "rect":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)


def hostile(full: ReportData) -> ReportData:
    run = RunFacts(*(HOSTILE if isinstance(value, str) else value for value in _values(full.run)))
    finding = full.ratings[0].separation
    assert finding is not None
    return replace(
        full,
        run=run,
        notes=(HOSTILE,),
        settings=HOSTILE,
        stages=(StageFacts(HOSTILE, 3, 2, 1.0, (ReasonCount(HOSTILE, 1),)),),
        lengths=tuple(replace(row, name=HOSTILE) for row in full.lengths),
        ratings=tuple(
            replace(row, scorer=HOSTILE, model=HOSTILE, separation=replace(finding, sentence=HOSTILE))
            for row in full.ratings
        ),
        losses=tuple(
            replace(row, model=HOSTILE, differences=tuple(replace(d, against=HOSTILE) for d in row.differences))
            for row in full.losses
        ),
        curves=tuple(replace(row, model=HOSTILE) for row in full.curves),
        samples=tuple(
            Sample(kept, HOSTILE, HOSTILE, HOSTILE * times, HOSTILE * times, HOSTILE, (HOSTILE,), 1.0, HOSTILE * times)
            for kept in (True, False)
            for times in (1, 20)
        ),
    )


def _values(run: RunFacts) -> list[object]:
    return [getattr(run, name) for name in run.__slots__]


def test_hostile_content_changes_no_element(full: ReportData) -> None:
    page = render(hostile(full))
    elements = Elements(page)
    names = {tag for tag, _ in elements.found}
    assert names.isdisjoint({"script", "img", "iframe", "object", "embed", "form", "base"})
    assert not [name for _, attrs in elements.found for name in attrs if name.startswith("on")]
    assert (elements.wrong, elements.open) == ([], [])
    assert page.count("<style>") == page.count("</style>") == 1
    assert "&lt;script&gt;alert(1)" in page
    assert "{{ 7*7 }}" in page


def test_the_page_is_well_formed(full: ReportData) -> None:
    elements = Elements(render(full))
    assert (elements.wrong, elements.open) == ([], [])
    ids = [attrs["id"] for _, attrs in elements.found if "id" in attrs]
    assert len(ids) == len(set(ids))
    links = {str(attrs["href"]) for tag, attrs in elements.found if tag == "a"}
    assert {link[1:] for link in links if not link.startswith("http://127.0.0.1:8765/find/")} <= set(ids)


def test_the_page_loads_nothing(full: ReportData) -> None:
    page = render(full)
    for tag, attrs in Elements(page).found:
        assert "src" not in attrs
        if "href" in attrs:
            at_home = ("#", "data:", *(["http://127.0.0.1:8765/find/"] if tag == "a" else []))
            assert str(attrs["href"]).startswith(at_home), tag
    assert "url(" not in page
    assert "@import" not in page


def test_the_policy_allows_no_script_and_no_network(full: ReportData) -> None:
    policies = [attrs["content"] for _, attrs in Elements(render(full)).found if "http-equiv" in attrs]
    assert policies == [
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
    ]


def test_light_dark_phone_and_print_are_cared_for(full: ReportData) -> None:
    page = render(full)
    assert "prefers-color-scheme: dark" in page
    assert "@media print" in page
    assert "width=device-width" in page


def test_every_table_scrolls(full: ReportData) -> None:
    page = render(full)
    assert page.count("<table") == len(re.findall(r'<div class="scroll[^"]*"><table', page))


def test_the_same_values_give_the_same_page(full: ReportData) -> None:
    assert render(full) == render(full)


def test_the_page_stays_small_however_much_it_is_given(full: ReportData) -> None:
    sample = replace(full.samples[0], response="word " * 40_000, instruction="word " * 2000, detail="x" * 100_000)
    long = replace(
        full.curves[0], steps=tuple(range(50_000)), losses=(1.0, 2.0) * 25_000, learning_rates=(1e-5,) * 50_000
    )
    page = render(replace(full, samples=(sample,) * 500, curves=(long,) * 4))
    assert len(page.encode()) < 2_000_000
    assert "more characters" in page


def test_an_ordinary_page_is_well_below_a_megabyte(full: ReportData) -> None:
    assert len(render(full).encode()) < 300_000


def test_characters_that_cannot_be_written_are_replaced(full: ReportData) -> None:
    page = render(replace(full, notes=("a\ud800b\x00c\x1b[31md",)))
    assert "a\ufffdb\ufffdc\ufffd[31md" in page
    page.encode("utf-8")


def test_an_empty_run_renders(run_facts: RunFacts) -> None:
    page = render(ReportData(run_facts, segments=0, candidates=0, curated=0))
    assert "No held-out comparison was made" in page
    assert "Nothing was rated." in page


def test_the_funnel_counts_characters_where_they_are_known(full: ReportData) -> None:
    page = render(full)
    assert "segments kept 94.6 % of the characters: 705,000 of 745,250." in page
    short = '<td><small>too short</small></td><td class="n">161</td><td class="n">75.6 %</td><td class="n">40,250</td>'
    assert f'<td class="reason">shorter than the settings allow</td>{short}' in page
    assert '<small>held out</small></td><td class="n">10</td><td class="n">100.0 %</td><td class="n">–</td>' in page


def test_the_funnel_is_on_one_scale_of_characters(full: ReportData) -> None:
    documents, segments, candidates, curated = funnel(full)
    chars = {row.name: row.response.mean * row.response.n for row in full.lengths}
    assert [(step.count, step.chars) for step in (documents, segments)] == [(134, 745_250), (470, 705_000)]
    assert (documents.kept, documents.lost) == (100, 0)
    assert segments.kept + segments.lost == pytest.approx(100)
    assert candidates.chars == pytest.approx(chars["candidates"])
    assert candidates.kept == pytest.approx(100 * chars["candidates"] / 745_250)
    assert curated.kept + curated.lost == pytest.approx(candidates.kept)
    page = render(full)
    assert "shorter than the settings allow (161, 40,250 characters)" in page
    assert "scored below the cut" in page


def test_a_run_whose_characters_were_not_counted_has_a_funnel_of_counts(full: ReportData) -> None:
    stages = tuple(replace(row, chars_out=0, dropped=()) for row in full.stages)
    page = render(replace(full, stages=stages, lengths=()))
    assert page.count("characters were not counted") == 4
    assert 'class="bar"' not in page


def test_an_unfinished_run_says_what_is_next_and_concludes_nothing(full: ReportData) -> None:
    todo = Unfinished(6, ("curated-2", "forward-2", "evaluation"), 3, "no candidate reached 9")
    part = replace(full, unfinished=todo, stages=full.stages[:-1], curated=0)
    found = verdict(part)
    assert (found.tone, found.comparisons) == ("neutral", ())
    assert "not finished: the stage 'curated-2' is next" in found.headline
    assert found.counts.startswith("6 of 9 stages are done.")
    assert "3 of its shards are done" in found.counts
    assert "It failed: no candidate reached 9. After it: forward-2, evaluation." in found.counts
    assert "400 candidates, 97 pairs kept by iteration 1" in found.losses
    page = render(replace(part, losses=(), samples=(), lengths=(), curves=()))
    assert "curated-2</th><td" in page.replace('scope="row">', "")
    assert "The held-out pairs were not measured. The run is not finished." in page
    assert "<dt>Curated</dt><dd>not yet</dd>" in page
    assert "The curated pairs helped" not in page


def test_documents_that_were_not_read_stand_in_the_verdict(full: ReportData) -> None:
    unread = (Unread("damaged file", 5, ("a.pdf", "<b>.epub", "c.pdf")), Unread("passed over", 2))
    page = render(replace(full, unread=unread))
    summary = page[page.index('class="verdict') : page.index('class="tiles"')]
    assert "7 of 134 documents were not read:" in summary
    assert "5 damaged or cut off: <bdi>a.pdf</bdi>, <bdi>&lt;b&gt;.epub</bdi>, <bdi>c.pdf</bdi>, …" in summary
    assert "<li>2 passed over</li>" in summary
    assert "were not read" not in render(full)


def test_what_is_no_number_is_said_in_words(full: ReportData) -> None:
    bad = [replace(row, nats=math.nan) if row.model == "forward-2" else row for row in make_losses()]
    curve = replace(full.curves[0], losses=(math.nan,) * len(full.curves[0].losses))
    direction = DirectionSummary("hidden", math.nan, 9, 9)
    part = replace(full, losses=loss_summaries(bad, order=MODELS), curves=(curve,), directions=(direction,))
    found = verdict(part)
    assert found.tone == "bad"
    assert "The held-out loss of M₂ cannot be computed" in found.headline
    page = render(part)
    assert "no number" in page
    assert not re.search(r"\b(nan|inf)\b", page)


def test_one_iteration_renders(full: ReportData) -> None:
    page = render(replace(full, ratings=full.ratings[:1], movements=(), losses=full.losses[:3], curves=()))
    assert "It takes two iterations to see ratings move." in page


def test_sets_and_ratings_without_rows_render(full: ReportData) -> None:
    from humpback.deliver.report.statistics import length_summary, movement, rating_summary

    nothing = rating_summary([], iteration=1, kept=0, threshold=4.5)
    page = render(
        replace(
            full,
            lengths=(length_summary("curated-1", []),),
            ratings=(nothing,),
            movements=(movement([], [], [], []),),
        )
    )
    assert "not defined" in page


@pytest.mark.parametrize("scores", [(3.0,), (2.98, 3.013), (1.0, 5.0), (4.37,)])
@pytest.mark.parametrize("threshold", [None, 1.0, 4.5, 5.0, 7.0])
def test_any_spread_of_scores_is_drawn(full: ReportData, scores: tuple[float, ...], threshold: float | None) -> None:
    from humpback.deliver.report.statistics import rating_summary
    from humpback.records import Rating

    rows = [Rating(str(n), 1, "rating", "m", "scored", score, "", "stop") for n, score in enumerate(scores)]
    summary: RatingSummary = rating_summary(rows, iteration=1, kept=1, threshold=threshold)
    elements = Elements(render(replace(full, ratings=(summary,))))
    assert elements.wrong == []


def test_nothing_is_drawn_outside_its_chart(full: ReportData) -> None:
    for tag, attrs in Elements(render(full)).found:
        if tag == "rect":
            x, y, width, height = (float(str(attrs[name])) for name in ("x", "y", "width", "height"))
            assert x >= 0
            assert x + width <= 100.01
            assert y >= 0
            assert y + height <= 100.01


def losses(base: Difference | None, seed: Difference | None) -> tuple[LossSummary, ...]:
    found = tuple(item for item in (base, seed) if item)
    return (LossSummary("base", "forward", 9, 90, 2.0), LossSummary("forward-2", "forward", 9, 90, 1.9, found))


def difference(against: str, low: float, high: float) -> Difference:
    return Difference(against, (low + high) / 2, (high - low) / 4, low, high, 9)


@pytest.mark.parametrize(
    ("base", "seed", "tone", "words"),
    [
        ((-0.3, -0.1), (-0.2, -0.1), "good", "The curated pairs helped"),
        ((-0.3, -0.1), (-0.2, 0.1), "neutral", "not clearly the seed-only model"),
        ((-0.3, 0.1), (-0.2, 0.1), "neutral", "does not clearly differ"),
        ((-0.3, -0.1), (0.1, 0.2), "bad", "The curated pairs hurt"),
        ((0.1, 0.3), (-0.2, -0.1), "bad", "still worse than the base model"),
        ((0.1, 0.3), None, "bad", "worse than the base model"),
    ],
)
def test_the_verdict_says_no_more_than_the_interval(full: ReportData, base, seed, tone: str, words: str) -> None:
    found = verdict(
        replace(full, losses=losses(difference("base", *base), difference("forward-0", *seed) if seed else None))
    )
    assert found.tone == tone
    assert words in found.headline
    unclear = [text for text in found.comparisons if "no clear difference" in text]
    assert len(unclear) == sum(1 for pair in (base, seed) if pair and pair[0] < 0 < pair[1])


def test_the_verdict_names_the_counts_and_the_warnings(full: ReportData) -> None:
    found = verdict(replace(full, segments=520_000, candidates=502_133, curated=41_821))
    assert found.counts.startswith("41,821 pairs curated (8.3 %) of 502,133 candidates")
    assert found.warnings == (
        "The corpus is small.",
        "Nearly all candidates got the same score: the cut is close to a random one.",
    )


def test_the_page_says_what_a_scorer_learned_from_decisions(full: ReportData) -> None:
    ratings = (replace(full.ratings[0], learned="It learned <much>."), *full.ratings[1:])
    assert "It learned &lt;much&gt;." in render(replace(full, ratings=ratings))


def test_the_page_warns_where_most_replies_were_asked_again(full: ReportData) -> None:
    from humpback.deliver.report.statistics import rating_summary
    from humpback.records import Rating

    def page(again: int) -> str:
        rows = [
            Rating(str(n), 1, "rating", "m", "asked-again" if n < again else "scored", 3.0, "", "stop")
            for n in range(8)
        ]
        rows.append(Rating("out", 1, "rating", "m", "skipped", None, "", "stop"))
        return render(replace(full, ratings=(rating_summary(rows, iteration=1, kept=1),)))

    assert "5 of 8 replies had no score and were asked again" in page(5)
    assert "4 of 8 replies had no score; their grade was read" in page(4)
    assert "and were asked again" not in page(4)
    assert "The cascade left 1 of 9 candidates unrated" in page(4)
    assert "replies had no score" not in page(0)


@pytest.mark.parametrize(("curated", "high", "warned"), [(12, 0.1, True), (12, -0.1, False), (90, 0.1, False)])
def test_the_verdict_says_where_the_curated_pairs_are_too_few_to_tell(full: ReportData, curated, high, warned) -> None:
    stages = (StageFacts("forward-0", 60, 60, 9.0), *full.stages)
    found = verdict(
        replace(full, curated=curated, stages=stages, losses=losses(None, difference("forward-0", -0.2, high)))
    )
    sentences = [text for text in found.warnings if "too few to tell" in text]
    assert bool(sentences) == warned
    if warned:
        assert "12 curated pairs beside 60 of the seed, and 9 held-out pairs" in sentences[0]
