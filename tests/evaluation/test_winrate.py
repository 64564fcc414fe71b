import math

import pytest

from humpback.config import ModelSettings
from humpback.engines.fake import FakeEngine
from humpback.engines.transformers import TransformersEngine
from humpback.evaluation.comparisons import Comparison, read_comparisons, write_comparisons
from humpback.evaluation.winrate import Judging, judge, win_rate
from humpback.requests import Completion


def comparison(output_1="A bad one", output_2="A good one", number=0, **more):
    return Comparison(f"Do thing {number}.", output_1, output_2, "base", "ours", index=number, **more)


def shown(request):
    """The replies that a judge sees, in their order."""
    parts = request.messages[0].parts
    return parts[3].text, parts[5].text


def for_good(request):
    first, _ = shown(request)
    return f"One is better.\nVerdict: {'A' if 'good' in first else 'B'}"


def test_a_judge_that_prefers_the_model_in_both_orders():
    (one,) = judge([comparison()], FakeEngine(reply=for_good), Judging())
    assert one.preference == 2.0
    assert one.verdicts == ("2", "2")
    assert one.replies[0].startswith("One is better.")


def test_and_one_that_prefers_the_baseline():
    (one,) = judge([comparison("A good one", "A bad one")], FakeEngine(reply=for_good), Judging())
    assert one.preference == 1.0


def test_a_judge_that_always_prefers_what_comes_first_says_nothing():
    found = judge([comparison(number=n) for n in range(6)], FakeEngine(reply=lambda _: "Verdict: A"), Judging())
    assert {one.preference for one in found} == {1.5}
    rate = win_rate(found)
    assert (rate.win_rate, rate.agreement, rate.first_share, rate.n_draws) == (50.0, 0.0, 1.0, 6)


def test_equal_answers_are_a_tie_and_the_judge_is_not_asked():
    def refuse(request):
        raise AssertionError

    (one,) = judge([comparison("Same", "Same")], FakeEngine(reply=refuse), Judging())
    assert one.preference == 1.5
    assert win_rate([one]).agreement is None


def test_a_judge_without_a_verdict_is_asked_again_for_what_is_missing_alone():
    asked = []

    def reply(request):
        asked.append((request.id, request.sampling.temperature, request.sampling.seed))
        return "No idea." if len(asked) == 1 else for_good(request)

    (one,) = judge([comparison()], FakeEngine(reply=reply), Judging())
    assert one.preference == 2.0
    assert [(key, heat) for key, heat, _ in asked] == [("0/0", 0.0), ("0/1", 0.0), ("0/0", 0.7)]
    assert asked[0][2] != asked[2][2]


def test_no_verdict_is_counted_and_never_a_default():
    engine = FakeEngine(reply=lambda r: "Verdict: both" if "Do thing 0." in r.messages[0].text else for_good(r))
    found = judge([comparison(number=0), comparison(number=1)], engine, Judging())
    assert [one.preference for one in found] == [None, 2.0]
    rate = win_rate(found)
    assert (rate.n_total, rate.unjudged, rate.win_rate) == (1, 1, 100.0)
    assert dict(rate.reasons) == {"unparsed": 2}


def test_one_order_alone_is_no_preference():
    engine = FakeEngine(reply=lambda r: for_good(r) if shown(r)[0] == "A bad one" else "Hard to say.")
    (one,) = judge([comparison()], engine, Judging())
    assert one.verdicts == ("2", "unparsed")
    assert one.preference is None


def test_what_the_same_judge_said_before_stands_and_what_it_did_not_say_is_asked_with_another_draw():
    first = judge([comparison()], FakeEngine(reply=lambda _: "Hard to say."), Judging(tries=1))
    seeds = []

    def reply(request):
        seeds.append((request.sampling.temperature, request.sampling.seed))
        return for_good(request)

    second = judge(first, FakeEngine(reply=reply), Judging(tries=1))
    assert second[0].preference == 2.0
    assert [heat for heat, _ in seeds] == [0.7, 0.7]
    assert judge(second, FakeEngine(reply=lambda _: "Verdict: tie"), Judging(tries=1)) == second


def test_another_judge_is_asked_anew():
    first = judge([comparison()], FakeEngine("one", reply=for_good), Judging())
    second = judge(first, FakeEngine("two", reply=lambda _: "Verdict: tie"), Judging())
    assert second[0].preference == 1.5
    assert first[0].annotator != second[0].annotator


def test_a_request_that_the_engine_refuses_is_an_error_not_a_loss():
    def reply(request):
        return Completion(request.id, "", "error", 0, 0, 0.0, "too long")

    (one,) = judge([comparison()], FakeEngine(reply=reply), Judging())
    assert one.preference is None
    assert one.verdicts == ("error", "error")
    assert one.replies[0] == "too long"


def test_a_model_with_random_weights_judges_nothing_and_breaks_nothing(tiny_model):
    engine = TransformersEngine(tiny_model, "tiny", ModelSettings(name=str(tiny_model), device="cpu"))
    found = judge([comparison(number=n) for n in range(3)], engine, Judging(max_new_tokens=6))
    engine.close()
    assert [one.preference for one in found] == [None] * 3
    assert {verdict for one in found for verdict in one.verdicts} <= {"unparsed", "truncated"}
    assert {one.tries for one in found} == {2}


def test_figures_are_those_of_alpaca_eval():
    rows = [comparison(number=n, preference=p) for n, p in enumerate([2.0, 1.9, 1.5, 1.2, 1.0, None])]
    rate = win_rate(rows)
    assert (rate.n_total, rate.n_wins, rate.n_wins_base, rate.n_draws, rate.unjudged) == (5, 2, 2, 1, 1)
    assert rate.win_rate == pytest.approx(52.0)
    assert rate.discrete_win_rate == pytest.approx(50.0)
    # The standard deviation of 1, .9, .5, .2, 0 is .4324 with n - 1.
    assert rate.standard_error == pytest.approx(100 * 0.43243 / math.sqrt(5), abs=1e-3)
    assert rate.avg_length == len("A good one")


def test_nothing_judged_has_no_win_rate():
    rate = win_rate([comparison()])
    assert math.isnan(rate.win_rate)
    assert math.isnan(rate.interval.low)


def test_what_the_judge_thought_is_kept_apart_and_is_no_verdict(tmp_path):
    def reply(request):
        return f"<think>\nVerdict: tie\n</think>\n{for_good(request)}"

    (one,) = judge([comparison()], FakeEngine(reply=reply), Judging())
    assert (one.preference, one.reasoning) == (2.0, ("Verdict: tie",) * 2)
    assert all(said.startswith("One is better.") for said in one.replies)
    write_comparisons(tmp_path / "a.json", [one])
    assert read_comparisons(tmp_path / "a.json") == [one]


def test_one_pair_has_no_interval():
    assert math.isnan(win_rate([comparison(preference=2.0)]).interval.low)
    assert win_rate([comparison(number=n, preference=2.0) for n in range(2)]).interval.low == 100.0
