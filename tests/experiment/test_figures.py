"""Figures show what the tables say, where they say it."""

import math
import re

import pytest

from humpback.experiment.figures import comparison_figure, scaling_figure
from humpback.experiment.measures import HeldOut
from humpback.experiment.plan import Row
from humpback.experiment.results import Against, Result, Table
from humpback.statistics.intervals import Interval


def result(arm: str, size: int | None, value: float, against: tuple[Against, ...] = ()) -> Result:
    row = Row(arm, size, 1)
    return Result(row, arm, size or 0, 3, value, Interval(value - 0.1, value + 0.1), 0.01, against)


def against(difference: float, half: float, verdict: str) -> Against:
    return Against(Row("seed"), difference, Interval(difference - half, difference + half), verdict, 3, 3)


def table(*results: Result) -> Table:
    return Table(HeldOut(), 20, 0, results, ())


def test_sizes_stand_on_a_logarithmic_axis_and_lower_figures_lower():
    figure = scaling_figure(table(result("seed", None, 2.4), *(result("best", n, 3 - n / 100) for n in (10, 20, 80))))
    assert figure is not None
    (line,) = re.findall(r'd="M([\d. L]+)" fill="none"', figure)
    points = [tuple(map(float, point.split())) for point in line.split("L")]
    x, y = zip(*points, strict=True)
    assert (x[2] - x[1]) / (x[1] - x[0]) == pytest.approx(math.log(80 / 20) / math.log(20 / 10), rel=0.01)
    assert y[0] < y[1] < y[2], "on a page further down is a larger y"
    assert ">seed<" in figure
    assert "stroke-dasharray" in figure, "what has no size is a level"


def test_there_is_no_figure_of_what_there_is_not():
    assert scaling_figure(table(result("seed", None, 2.4), result("best", 10, 2.0))) is None
    assert comparison_figure(table(result("seed", None, 2.4))) is None


def test_differences_stand_left_and_right_of_nothing_in_the_colour_of_their_verdict():
    rows = (
        result("good", 10, 2.0, (against(-0.3, 0.1, "better"),)),
        result("bad", 10, 2.6, (against(0.2, 0.1, "worse"),)),
        result("same", 10, 2.3, (against(0.01, 0.1, "not told apart"),)),
    )
    figure = comparison_figure(table(*rows))
    assert figure is not None
    zero = float(re.findall(r'd="M([\d.]+) 40V\d+" stroke="#888"/>', figure)[0])
    dots = re.findall(r'<circle cx="([\d.]+)" cy="\d+" r="4" fill="(#\w+)"', figure)
    assert [float(x) < zero for x, _ in dots] == [True, False, False]
    assert len({colour for _, colour in dots}) == 3
    assert "left is better" in figure
    assert "good 10 against seed" in figure


def test_a_name_cannot_break_out_of_a_figure():
    hostile = result("</text><script>", 10, 2.0, (against(-0.3, 0.1, "better"),))
    for figure in (
        comparison_figure(table(hostile)),
        scaling_figure(table(hostile, result("</text><script>", 20, 1.0))),
    ):
        assert figure is not None
        assert "<script>" not in figure
