"""Agreement of annotators, against figures worked out by hand."""

import math

import pytest

from humpback.statistics.agreement import cohens_kappa, krippendorffs_alpha


def test_kappa_of_a_table_of_four_cells():
    # 20 both yes, 5 yes/no, 10 no/yes, 15 both no: agreed .7, by chance .5.
    cells = [("y", "y")] * 20 + [("y", "n")] * 5 + [("n", "y")] * 10 + [("n", "n")] * 15
    first = {str(number): a for number, (a, _) in enumerate(cells)}
    second = {str(number): b for number, (_, b) in enumerate(cells)} | {"alone": "y"}
    kappa = cohens_kappa(first, second)
    assert kappa.value == pytest.approx(0.4)
    assert kappa.items == 50
    assert kappa.interval.low < 0.4 < kappa.interval.high


def test_alpha_of_krippendorffs_own_nominal_example():
    # Krippendorff (2011), section B: two observers, ten units, binary data.
    first, second = "0100000000", "1110010010"
    assert krippendorffs_alpha(list(zip(first, second, strict=True))).value == pytest.approx(0.095, abs=5e-4)


def test_alpha_of_several_with_missing_labels():
    # Krippendorff (2011), section C: four observers, nominal data.
    units = ["111", "2232", "3333", "3333", "2222", "1234", "4444", "1121", "2222", "555", "11", "3"]
    alpha = krippendorffs_alpha(units)
    assert alpha.value == pytest.approx(0.743, abs=5e-4)
    assert alpha.items == 11
    assert alpha.interval.low < alpha.value < alpha.interval.high


def test_perfect_and_undefined_agreement():
    assert krippendorffs_alpha(["aa", "bb"]).value == 1
    assert math.isnan(krippendorffs_alpha(["aa", "aa"]).value)
    assert math.isnan(krippendorffs_alpha([]).value)
    assert math.isnan(cohens_kappa({"a": "x"}, {"b": "x"}).value)
