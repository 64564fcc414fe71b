"""The scaling fit w = alpha log N + C of each data set: what a factor of data is worth (paper, section 3.3).

N is the number of examples and w the win rate in percent. The paper does not state the base of the logarithm. The fit
here uses natural logarithms; alpha is also given per doubling and per tenfold, which is the same line.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from humpback.data_access.rows import Values, file_rows
from humpback.errors import ConfigError, InputError
from humpback.statistics.intervals import Interval, Z

_DATA = ("data", "dataset", "name")
_N = ("n", "examples", "size")
_RATE = ("win_rate", "winrate", "w")
_ERROR = ("standard_error", "se")


@dataclass(frozen=True, slots=True)
class Point:
    """The win rate of a model that was finetuned on n examples of a data set."""

    data: str
    n: float
    win_rate: float
    standard_error: float | None = None


@dataclass(frozen=True, slots=True)
class ScalingFit:
    """The line of one data set. Intervals are 95 %; nan where the points do not determine them."""

    data: str
    points: int
    alpha: float
    """Percentage points for each factor of e."""
    alpha_interval: Interval
    constant: float
    """Win rate of the line at N = 1."""
    constant_interval: Interval
    r_squared: float
    method: str

    def alpha_for(self, factor: float) -> float:
        """Percentage points for each factor of N of this size."""
        return self.alpha * math.log(factor)


def read_points(path: Path) -> list[Point]:
    """Reads a table with columns for the data set, N, the win rate, and optionally its standard error.

    Raises:
        InputError: A column is missing, or a row holds no usable numbers.
    """
    points = []
    for number, row in file_rows(path):
        columns = {str(name).casefold(): value for name, value in row.items()}
        n, rate = _number(columns, _N, path, number), _number(columns, _RATE, path, number)
        error = (
            _number(columns, _ERROR, path, number)
            if any(columns.get(name) not in (None, "") for name in _ERROR)
            else None
        )
        data = next((str(columns[name]) for name in _DATA if columns.get(name)), path.stem)
        if n <= 0 or (error is not None and error <= 0):
            raise InputError(f"{path} row {number}: N and standard error must be above 0", "correct or delete the row")
        points.append(Point(data, n, rate, error))
    if not points:
        raise InputError(f"{path} has no rows", "give a table of points")
    return points


def fit_scaling(points: Sequence[Point]) -> list[ScalingFit]:
    """Fits the line of each data set, in the order in which they first occur.

    Where every point has a standard error, points are weighted by it, and intervals follow from it alone. Otherwise all
    have one weight, and the spread about the line gives the intervals (Student's t, points - 2 degrees of freedom).

    Raises:
        InputError: A data set has fewer than two different N.
    """
    return [_fit(data, [p for p in points if p.data == data]) for data in dict.fromkeys(point.data for point in points)]


def _fit(data: str, points: Sequence[Point]) -> ScalingFit:
    if len({point.n for point in points}) < 2:
        raise InputError(f"'{data}' has only one N", "a line needs win rates at two or more")
    x = np.column_stack([np.log([point.n for point in points]), np.ones(len(points))])
    y = np.array([point.win_rate for point in points], np.float64)
    errors = [point.standard_error for point in points if point.standard_error is not None]
    weighted = len(errors) == len(points)
    weights = 1 / np.square(errors) if weighted else np.ones(len(points))
    inverse = np.linalg.inv(x.T @ (weights[:, None] * x))
    slope, constant = inverse @ (x.T @ (weights * y))
    residuals = y - x @ (slope, constant)
    free = len(points) - 2
    if weighted:
        half = Z * np.sqrt(np.diag(inverse))
        method = "weighed by standard errors"
    elif free:
        half = _t_quantile(free) * np.sqrt(np.diag(inverse) * float(residuals @ residuals) / free)
        method = f"least squares, t with {free} degrees of freedom"
    else:
        half = np.full(2, math.nan)
        method = "two points: the line goes through both"
    mean = np.average(y, weights=weights)
    spread = float(np.sum(weights * (y - mean) ** 2))
    return ScalingFit(
        data=data,
        points=len(points),
        alpha=float(slope),
        alpha_interval=Interval(float(slope - half[0]), float(slope + half[0])),
        constant=float(constant),
        constant_interval=Interval(float(constant - half[1]), float(constant + half[1])),
        r_squared=1 - float(np.sum(weights * residuals**2)) / spread if spread else math.nan,
        method=method,
    )


def _t_quantile(degrees: int) -> float:
    try:
        from scipy.stats import t
    except ImportError:
        raise ConfigError("the intervals need scipy", "pip install 'humpback-align[evaluate]'") from None
    return float(t.ppf(0.975, degrees))


def _number(columns: Values, names: Iterable[str], path: Path, number: int) -> float:
    names = tuple(names)
    value = next((columns[name] for name in names if columns.get(name) not in (None, "")), None)
    try:
        parsed = float(str(value).replace(",", ""))
    except ValueError:
        parsed = math.nan
    if not math.isfinite(parsed):
        raise InputError(f"{path} row {number} has no number in {' or '.join(names)}", "name the column so")
    return parsed
