import math

import numpy as np
import pytest

from humpback.errors import InputError
from humpback.evaluation.scaling import Point, fit_scaling, read_points
from humpback.standalone.describe import scaling_lines


def line(data, alpha, constant, sizes, noise=None):
    noise = noise or [0.0] * len(sizes)
    return [Point(data, n, alpha * math.log(n) + constant + e) for n, e in zip(sizes, noise, strict=True)]


def test_points_on_a_line_give_the_line():
    (fit,) = fit_scaling(line("ours", 6.95, 3.0, [100, 800, 3200, 12800]))
    assert fit.alpha == pytest.approx(6.95)
    assert fit.constant == pytest.approx(3.0)
    assert fit.alpha_interval.low == pytest.approx(6.95)
    assert fit.r_squared == pytest.approx(1.0)


def test_the_base_of_the_logarithm_is_a_factor():
    (fit,) = fit_scaling([Point("d", 100, 20.0), Point("d", 1000, 30.0), Point("d", 10000, 40.0)])
    assert fit.alpha_for(10) == pytest.approx(10.0)
    assert fit.alpha_for(2) == pytest.approx(10 * math.log10(2))
    assert fit.alpha_for(math.e) == fit.alpha


def test_intervals_are_those_of_a_text_book():
    # x = ln N is 0, 1, 2, 3 and w is 1, 3, 4, 4: slope 1, residuals -.5, .5, .5, -.5, s^2 = .5, Sxx = 5, t(2) = 4.3027.
    (fit,) = fit_scaling([Point("d", math.e**k, w) for k, w in enumerate([1.0, 3.0, 4.0, 4.0])])
    assert fit.alpha == pytest.approx(1.0)
    assert fit.alpha_interval.high - fit.alpha == pytest.approx(4.30265 * math.sqrt(0.5 / 5), rel=1e-4)
    assert fit.constant_interval.high - fit.constant == pytest.approx(4.30265 * math.sqrt(0.5 * 14 / 20), rel=1e-4)


def test_an_interval_holds_the_truth_19_times_of_20():
    rng = np.random.default_rng(0)
    sizes = [100, 400, 1600, 6400, 25600]
    held = 0
    for _ in range(400):
        (fit,) = fit_scaling(line("d", 5.0, 10.0, sizes, list(rng.normal(0, 2, 5))))
        held += fit.alpha_interval.low <= 5.0 <= fit.alpha_interval.high
    assert 0.92 <= held / 400 <= 0.98


def test_standard_errors_weigh_points_and_give_the_interval():
    points = [Point("d", n, w, se) for n, w, se in ((1, 0.0, 1.0), (math.e, 5.0, 1.0), (math.e**2, 99.0, 1e6))]
    (fit,) = fit_scaling(points)
    assert fit.alpha == pytest.approx(5.0, abs=0.01)
    assert fit.alpha_interval.high - fit.alpha == pytest.approx(1.96 * math.sqrt(2), rel=1e-3)


def test_two_points_have_a_line_and_no_interval():
    (fit,) = fit_scaling(line("d", 5.0, 10.0, [100, 200]))
    assert fit.alpha == pytest.approx(5.0)
    assert math.isnan(fit.alpha_interval.low)


def test_data_sets_are_fitted_apart():
    first, second = fit_scaling(line("a", 6.95, 0, [100, 800, 3200]) + line("b", 0.22, 50, [100, 800, 3200]))
    assert (first.data, second.data) == ("a", "b")
    assert second.alpha == pytest.approx(0.22)


def test_one_size_alone_is_no_line():
    with pytest.raises(InputError, match="'d' has only one N"):
        fit_scaling([Point("d", 100, 1.0), Point("d", 100, 2.0)])


def test_a_table_of_points(tmp_path):
    (tmp_path / "p.csv").write_text('Data,N,Win_Rate,SE\nours,"3,200",50.5,1.5\nours,800,40,\n')
    assert read_points(tmp_path / "p.csv") == [Point("ours", 3200, 50.5, 1.5), Point("ours", 800, 40.0)]
    shown = list(scaling_lines(tmp_path / "p.csv"))
    assert any(f"alpha {10.5 / 2:.2f} (-), each doubling" in text for text in shown)


@pytest.mark.parametrize("row", ["ours,0,50", "ours,x,50", "ours,100,", "ours,-5,50"])
def test_points_that_are_none(tmp_path, row):
    (tmp_path / "p.csv").write_text(f"data,n,win_rate\n{row}\n")
    with pytest.raises(InputError, match="row 1"):
        read_points(tmp_path / "p.csv")
