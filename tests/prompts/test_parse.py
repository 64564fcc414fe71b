import pytest
from hypothesis import given
from hypothesis import strategies as st

from humpback.prompts import ParsedRating, parse_rating, reasons

READ = {
    "Score: 1": 1,
    "Score: 2": 2,
    "Score: 3": 3,
    "Score: 4": 4,
    "Score: 5": 5,
    "Score:4": 4,
    "Score : 4": 4,
    "SCORE: 4": 4,
    "score = 4": 4,
    "Score => 4": 4,
    "Score -> 4": 4,
    "The score is 4": 4,
    "The score should be a 3": 3,
    "I give it a score of 4 out of 5.": 4,
    "Final score - 4": 4,
    "Grade: 4": 4,
    "Rating: 4 out of 5": 4,
    "Final rating: 2.5": 2.5,
    "Score: 4.5": 4.5,
    "Score: 4.50": 4.5,
    "Score: 5.0": 5,
    "**Score:** 5": 5,
    "**Score**: 5": 5,
    "**Score: 5**": 5,
    "*Score: 5*": 5,
    "_score_: 4": 4,
    "__Score:__ 4": 4,
    "## Score: 5": 5,
    "> Score: 4": 4,
    "- Score: 4": 4,
    "Score: **5**": 5,
    "`Score: 5`": 5,
    "Score: `5`": 5,
    'Score: "4"': 4,
    "Score: <4>": 4,
    "Score: [4]": 4,
    "Score: (4)": 4,
    "Score: 4/5": 4,
    "Score: 4 / 5": 4,
    "Score: 4/5.": 4,
    "Score: 4/5.0": 4,
    "Score: 4.5/5": 4.5,
    "Score: <4>/5": 4,
    "Score: **4**/5": 4,
    "Score: 4/**5**": 4,
    "Score: 4 (out of 5)": 4,
    "Score: 4 out of five": 4,
    "Score: 4 of 5": 4,
    "Score: 4/5 stars": 4,
    "Score: 4 stars": 4,
    "Score: 4⭐": 4,
    "Score: 4.": 4,
    "Score: 4!": 4,
    "Score: 4;": 4,
    "Score: 4\n\n": 4,
    "Score: 4, because it is clear": 4,
    "Score: 4 - a good answer": 4,
    "Score: 4 (good)": 4,
    "Score: 4 (5 would need an example)": 4,
    "Score: 4. The answer is good.": 4,
    "Score: 4 (on a scale from 1 to 5)": 4,
    "Score (1-5): 4": 4,
    "Score [1-5]: 4": 4,
    "Score (out of 5): 4": 4,
    "Score：4": 4,
    "Score: ４": 4,
    "Score:\u00a04": 4,
    "Score: ⑤": 5,
    '{"reason": "fine", "score": 4}': 4,
    '{"score": "4"}': 4,
    "<score>4</score>": 4,
    "Score: <rating>4</rating>": 4,
    "Score: \\boxed{4}": 4,
    "Score: $\\boxed{4}$": 4,
    "Score:\n4": 4,
    "Score:\n\n**4/5**\n": 4,
    "## Score\n\n4": 4,
    "**Score**\n4": 4,
    "Score 4": 4,
    "4": 4,
    "4/5": 4,
    "<4>": 4,
    "**4**\n": 4,
    "Score: 10\nI correct myself.\nScore: 4": 4,
    "At first I thought of Score: 2, for the tone.\nScore: 4\nThank you.": 4,
    "Score: 4,5": 4.5,
    "Score: 4,5/5": 4.5,
    "Score: four": 4,
    "Score: **Four** out of five": 4,
    "My final rating: five out of five.": 5,
    "Score: ★★★★☆": 4,
    "Score: ⭐⭐⭐": 3,
    "Score: 5 ★★★★★": 5,
    "Score: 4️⃣": 4,
    "Score: ٤": 4,
    "Score: ٤٫٥": 4.5,
    "Score: ४": 4,
    "Score：4分": 4,
    "评分：4分(满分5分)": 4,
    "得分：4/5": 4,
    "总体评分：4\n相关性评分：5": 4,
    "評価：4点": 4,
    "점수: 4점": 4,
    "Bewertung: 4 von 5": 4,
    "Оценка: 4 из 5": 4,
    "स्कोर: ४": 4,
    "Note : 4/5": 4,
    "Score: 4 points out of 5": 4,
    '{"score": 4, "max_score": 5}': 4,
    '{"score": 4, "scale": "1-5"}': 4,
    "{'score': 4, 'max_score': 5}": 4,
    '```json\n{"reason": "it says Score: 5", "score": 4}\n```': 4,
    '{"relevance": {"score": 5}, "overall": {"score": 4}}': 4,
    '{"scores": {"relevance": 5}, "overall_score": 4}': 4,
    '{"score": 4, "reason": "never clo': 4,
    "| Criterion | Score |\n|---|---|\n| Relevance | 5 |\n| **Overall** | **4** |": 4,
    "Overall score: 4\nRelevance score: 5": 4,
    "Relevance score: 5\nClarity: 3\nScore: 4": 4,
    "Score: 4\n\nThe score would be 5 if it named its sources.": 4,
    "If it named its sources, the score would be 5.\nScore: 4": 4,
    "Score: 4\n\nIt does not deserve a score of 5.": 4,
    "Score: 4\n\nNote: the text claims 'Score: 5' for itself, which I ignored.": 4,
    "The text claims 'Score: 5' for itself.\nScore: 4": 4,
    "The response says:\nScore: 5\nThat is no merit.\n\nScore: 4": 4,
    "It ends with `Score: 5`, as a text may.\nScore: 4": 4,
    "<response>\nScore: 5\n</response>\nScore: 4": 4,
    "Score: 4\n\n<instruction>\nName a planet.\n</instruction>\nScore: 5": 4,
    "Score: 4\n\nInstruction: Name a planet.\nResponse: Mars.\nScore: 5": 4,
    "Initial score: 2\nRevised score: 4": 4,
    "<think>\nScore: 5 at first.\n</think>\n<score>4</score>": 4,
    "Score: 5 would be too much.\n</think>\n\nScore: 4": 4,
}

UNREAD = [
    "",
    "\n",
    "A good answer.",
    "Score:",
    "Score: <rating>",
    "Score: N/A",
    "Score: 0",
    "Score: 6",
    "Score: 10",
    "Score: 91",
    "Score: 10502",
    "Score: 500",
    "Score: 05",
    "Score: -4",
    "Score: ~4",
    "Score: .5",
    "Score: 0.5",
    "Score: 5.5",
    "Score: 4.25",
    "Score: 4.5.1",
    "Score: 4½",
    "Score: 4 1/2",
    "Score: 4 and a half",
    "Score: 1e3",
    "Score: 4x",
    "Score: 4th",
    "Score: 4%",
    "Score: 4+",
    "Score: 4 + 1 = 5",
    "Score: 4:30",
    "Score: 4/10",
    "Score: 4/50",
    "Score: 4/5.5",
    "Score: 4/5/2023",
    "Score: 4/ten",
    "Score: 4 of 10",
    "Score: 4 out of 10",
    "Score: 4 (out of 10)",
    "Score: 3-4",
    "Score: 3–4",
    "Score: 3 - 4",
    "Score: 3.5-4",
    "Score: 4-5/5",
    "Score: **3**-**4**",
    "Score: [3]-[4]",
    "Score: <1-5>",
    "Score: 3 or 4",
    "Score: 3 to 4",
    "Score: 1 2 3 4 5",
    "Score: 1, 2, 3, 4 or 5",
    "Score > 4",
    "Scores: 4",
    "Underscore: 4",
    "scoreboard: 4",
    "Rating of the film: 4",
    "Score is on a scale from 1 to 5",
    "The answer is 4",
    "5 stars",
    "4 reasons",
    "1.",
    "1. The answer is complete.",
    "Score:\n1. The answer is complete.",
    "Score: 3\nScore: 10",
    "Score: 3\nScore: 4",
    "Score: 8/10\nScore: 4",
    "Relevance score: 5\nClarity score: 3",
    "Score: one of the best",
    "Score: four or five",
    "Score: 3,4",
    "Score: 4 points out of 10",
    "评分：4分(满分10分)",
    "評価: 5点満点中4点",
    "Bewertung: 4 von 10",
    "Score: ★★★★☆☆☆☆☆☆",
    "Note: 4 claims are wrong",
    '{"score": 4, "max_score": 10}',
    '{"score": 8}',
    '{"score": true}',
    '{"score": null}',
    '{"relevance": {"score": 3}, "clarity": {"score": 5}}',
    "The text claims 'Score: 5' for itself.",
    "The response contains the line Score: 5.",
    "<think>\nScore: 4",
    "<think>\nScore: 4\n</think>\n\nA good reply.",
    "Score: 4 would be too harsh.\n</think>\n\nA good reply.",
]

CLAIMS = [
    "Score: {}",
    "{}/5",
    "my score is {}",
    "**Rating:** {}",
    "a score of {} out of 5",
    "final score: {}",
    "score={}",
]
REPORTS = ["The text claims '{}' for itself.", 'It says "{}", which I ignore.', "The response ends with “{}”.",
           "The author demands: {}.", "`{}` is what it states of itself."]  # fmt: skip

REASONS = [
    "",
    "It answers the question.\n",
    "1. Clear.\n2. Complete.\n",
    "A first draft would be Score: 2.\n",
    "# Why\n\n",
]
ENDINGS = ["", "\n", " ", ".", "**", "\n\nThat is all.", " (my view)", "<end>"]


@pytest.mark.parametrize("reply", READ)
def test_read(reply):
    assert parse_rating(reply, "stop") == ParsedRating("scored", READ[reply])


@pytest.mark.parametrize("reply", UNREAD)
def test_not_read(reply):
    assert parse_rating(reply, "stop") == ParsedRating("unparsed", None)


@pytest.mark.parametrize(
    "reply", ["", "The answer", "1. The answer", "4", "Score:", "Score: 4", "Score: 4 out", "Score: 4."]
)
def test_a_reply_cut_off_before_its_score_is_certain_is_truncated(reply):
    assert parse_rating(reply, "length") == ParsedRating("truncated", None)


@pytest.mark.parametrize("reply", ["Score: 4\n", "Score: 4\nAnd", "Score: 4. The answer is"])
def test_a_score_that_stands_well_before_the_cut_counts(reply):
    assert parse_rating(reply, "length") == ParsedRating("scored", 4.0)


LABELLED = [reply for reply in READ if any(label in reply.lower() for label in ("score", "rating", "grade"))]


@given(st.sampled_from(REASONS), st.sampled_from(LABELLED), st.sampled_from(["", "\n", "\n\n", "\n\nThat is all."]))
def test_neither_reasons_before_a_score_nor_words_behind_it_change_it(reasons, statement, end):
    assert parse_rating(reasons + statement + end, "stop").score == READ[statement]


@given(st.integers(), st.sampled_from(REASONS), st.sampled_from(ENDINGS))
def test_whole_numbers_count_from_one_to_five_only(number, reasons, end):
    expected = ParsedRating("scored", number) if 1 <= number <= 5 else ParsedRating("unparsed")

    assert parse_rating(f"{reasons}Score: {number}{end}", "stop") == expected


@given(st.floats(0, 10).map(lambda value: round(value, 2)))
def test_decimals_count_in_halves_only(number):
    valid = 1 <= number <= 5 and number * 2 == int(number * 2)

    assert parse_rating(f"Score: {number:.2f}", "stop").score == (number if valid else None)


@given(st.sampled_from(CLAIMS), st.sampled_from(REPORTS), st.integers(1, 5), st.integers(1, 5), st.booleans())
def test_what_a_text_claims_is_never_its_score(claim, report, claimed, score, first):
    reported = report.format(claim.format(claimed))
    reply = f"{reported}\nScore: {score}" if first else f"Score: {score}\n\n{reported}"
    assert parse_rating(reply, "stop").score == score
    assert parse_rating(reported, "stop").score is None


@given(st.text(alphabet="<>'\"`|{}:,.\n Score5would be the text claims"), st.integers(1, 4), st.integers(1, 5))
def test_no_prose_behind_a_score_raises_it(prose, score, other):
    read = parse_rating(f"Score: {score}\n\n{prose} The score of it would be {other}", "stop").score
    assert read in (score, None)


@given(st.lists(st.integers(1, 5), min_size=1, max_size=6))
def test_the_last_score_of_a_model_that_corrects_itself_counts(scores):
    reply = "\nOn reflection:\n".join(f"Score: {score}" for score in scores)

    assert parse_rating(reply, "stop").score == scores[-1]


@given(st.text(), st.sampled_from(["stop", "length", "error"]))
def test_any_reply_has_one_of_three_states(reply, finish_reason):
    parsed = parse_rating(reply, finish_reason)

    assert (parsed.score is not None) == (parsed.state == "scored")
    assert parsed.score is None or 1 <= parsed.score <= 5
    assert parsed.state != "truncated" or finish_reason == "length"


@given(st.text(alphabet="Scoreating: *_`<>[]()/=-.,\n0123456789of"))
def test_a_score_that_is_read_stands_in_the_reply(reply):
    score = parse_rating(reply, "stop").score

    assert score is None or str(int(score)) in reply


@pytest.mark.timeout(60)  # Quadratic behaviour would take minutes.
@pytest.mark.parametrize("unit", ["*", "score ", "Score: ", "<", " ", "\n", "score **", "4", "((", "score(", "#", "- "])
def test_a_long_monotonous_reply_does_not_hang(unit):
    assert parse_rating(unit * (60_000 // len(unit)), "stop").state == "unparsed"
    assert len(reasons(unit * (60_000 // len(unit)), "length") or "") <= 60_000


@pytest.mark.parametrize(
    ("reply", "finish_reason", "said"),
    [
        ("Clear and complete.", "stop", "Clear and complete."),
        ("  Clear and complete\n", "stop", "  Clear and complete"),
        ("", "stop", ""),
        ("Good. It is rel", "length", "Good."),
        ("It is clear! “Quite so.” But th", "length", "It is clear! “Quite so.”"),
        ("First point\nSecond po", "length", "First point"),
        ("no end in sig", "length", "no end in"),
        ("答案很好。不过", "length", "答案很好。"),
        ("Good.\nScore:", "length", "Good."),
        ("Good. Score: 4", "length", "Good."),
        ("Good.\n## Score\n4", "length", "Good."),
        ("Good text Score: 4.", "length", "Good text"),
        ("4", "length", ""),
        ("Good. **Score:** N/A", "stop", "Good."),
        ("It would be unfair to give a score", "stop", "It would be unfair to give a"),
    ],
)
def test_the_reasons_of_a_reply_end_before_a_score_begins(reply, finish_reason, said):
    assert reasons(reply, finish_reason) == said


@pytest.mark.parametrize("finish_reason", ["stop", "length"])
@pytest.mark.parametrize("reply", ["Score: 10", "Score: 0", "Good.\nScore: 3-4", "Rating: 4/10", "91"])
def test_a_reply_with_a_score_on_another_scale_has_no_reasons_to_go_on_from(reply, finish_reason):
    assert reasons(reply, finish_reason) is None


@given(st.text(alphabet="Scoreating: *_`<>[]()/=-.,\n0123456789of"), st.sampled_from(["stop", "length"]))
def test_a_score_behind_the_reasons_is_the_one_that_is_read(reply, finish_reason):
    parsed, said = parse_rating(reply, finish_reason), reasons(reply, finish_reason)

    if parsed.score is None and said is not None:
        assert reply.startswith(said) or reply.strip().startswith(said)
        assert parse_rating(f"{said}\nScore: 3", "stop").score == 3
