"""Rows to figures with intervals."""

from humpback.evaluation.suites.results import Row, figures, lines
from humpback.statistics.intervals import wilson


def test_a_share_of_rows_has_wilsons_interval_and_each_group_its_own():
    rows = [Row("t", n, {"acc": (float(n < 3),)}, "even" if n % 2 == 0 else "odd") for n in range(8)]
    whole, even, odd = figures(rows, ["acc"], 0)
    assert (whole.value, whole.rows, whole.method, whole.interval) == (3 / 8, 8, "Wilson", wilson(3, 8))
    assert (even.group, even.value, odd.group, odd.value) == ("even", 0.5, "odd", 0.25)


def test_instructions_of_one_prompt_are_drawn_together():
    alike = [Row("t", n, {"kept": (float(n % 2),) * 4}) for n in range(20)]
    mixed = [Row("t", n, {"kept": (1.0, 0.0, 1.0, 0.0)}) for n in range(20)]
    (one,), (other,) = figures(alike, ["kept"], 0), figures(mixed, ["kept"], 0)
    assert one.value == other.value == 0.5
    assert one.interval.high - one.interval.low > 0.3
    assert other.interval.high == other.interval.low == 0.5


def test_the_table_shows_shares_in_per_cent_and_differences_as_they_are():
    rows = [Row("t", n, {"pct": (1.0,), "likelihood_diff": (2.5,)}, "age") for n in range(4)]
    shown = list(lines("crows_pairs", figures(rows, ["pct", "likelihood_diff"], 0)))
    assert shown[0].split()[:4] == ["crows_pairs", "pct", "100.0", "%"]
    assert shown[1].split()[:3] == ["crows_pairs", "likelihood_diff", "2.50"]
    assert shown[2].startswith("  age")
    assert "4 rows" in shown[3]
