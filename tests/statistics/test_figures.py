"""Figures for people and for JSON: nobody reads 'nan'."""

import json
import math

from humpback.statistics.figures import shown, span, without_nan
from humpback.statistics.intervals import Interval


def test_a_figure_that_is_missing_is_a_dash():
    assert (shown(0.256, ".2f"), shown(math.nan, ".2f"), shown(0.5, ".0%")) == ("0.26", "-", "50%")
    assert span(Interval(0.1, 0.25), ".2f") == "0.10 to 0.25"
    assert span(Interval(math.nan, math.nan), "+.4f") == "-"


def test_json_has_null_in_place_of_what_it_cannot_hold():
    values = {"a": math.nan, "b": [1.5, (math.nan, "x")], "c": {"d": None, "e": math.nan}}
    assert json.dumps(without_nan(values)) == '{"a": null, "b": [1.5, [null, "x"]], "c": {"d": null, "e": null}}'
