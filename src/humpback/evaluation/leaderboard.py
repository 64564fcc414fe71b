"""AlpacaEval's other files: leaderboards, difficulties of prompts, comparisons of gamed models."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from humpback.data_access.atomic import output_file
from humpback.data_access.rows import Values, file_rows
from humpback.errors import InputError
from humpback.evaluation.comparisons import comparison_of
from humpback.evaluation.length_control import Gamed, LengthControlled, gamed_of
from humpback.evaluation.winrate import WinRate

_COLUMNS = (
    "win_rate", "standard_error", "n_wins", "n_wins_base", "n_draws", "n_total", "discrete_win_rate", "mode",
    "avg_length", "length_controlled_winrate", "lc_standard_error",
)  # fmt: skip
_MODE = "community"


@dataclass(frozen=True, slots=True)
class Standing:
    """One line of a leaderboard."""

    model: str
    values: Mapping[str, str]

    def number(self, column: str) -> float:
        """A figure; nan where the line has none."""
        return _number(self.values.get(column))


def read_leaderboard(path: Path) -> dict[str, Standing]:
    """Reads a leaderboard of AlpacaEval: a CSV file whose first column, without a name, is the model.

    Raises:
        InputError: The file is no leaderboard.
    """
    lines = {}
    for _, row in file_rows(path):
        if "win_rate" not in row:
            raise InputError(f"{path} has no column win_rate", "give a leaderboard in AlpacaEval's form")
        values = {name: str(value or "") for name, value in row.items()}
        name = values.pop("", "") or values.pop("name", "")
        lines[name] = Standing(name, values)
    return lines


def update_leaderboard(path: Path, model: str, rate: WinRate, controlled: LengthControlled | None) -> None:
    """Puts a model's line into a leaderboard, which is made where there is none. The best model comes first.

    Raises:
        InputError: The file is no leaderboard, or cannot be written.
    """
    lines = read_leaderboard(path) if path.exists() else {}
    values: dict[str, object] = {name: getattr(rate, name) for name in _COLUMNS if hasattr(rate, name)}
    values |= {"mode": _MODE, "avg_length": round(rate.avg_length)}
    if controlled is not None:
        values["length_controlled_winrate"] = controlled.win_rate
        if controlled.standard_error is not None:
            values["lc_standard_error"] = controlled.standard_error
    lines[model] = Standing(model, {name: _cell(value) for name, value in values.items()})
    columns = dict.fromkeys([*_COLUMNS, *(name for line in lines.values() for name in line.values)])
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["", *columns])
    for line in sorted(lines.values(), key=_rank):
        writer.writerow([line.model, *(line.values.get(name, "") for name in columns)])
    with output_file(path, "w") as file:
        file.write(text.getvalue())


def read_difficulty(path: Path) -> dict[int, float]:
    """Difficulties of prompts, by their index in the evaluation set.

    Takes a table with the column `instruction_difficulty`. The index is in `index`, in a first column without a name,
    or it is the position of the row.

    Raises:
        InputError: There is no such column.
    """
    difficulties: dict[int, float] = {}
    for number, row in file_rows(path):
        value = _number(row.get("instruction_difficulty"))
        if math.isnan(value):
            raise InputError(f"{path} row {number} has no number in instruction_difficulty", "give another file")
        index = _number(row.get("index", row.get("", number - 1)))
        # A table of gamed comparisons has each prompt several times, always with the same difficulty.
        difficulties.setdefault(number - 1 if math.isnan(index) else int(index), value)
    return difficulties


def read_gamed(paths: Iterable[Path]) -> list[Gamed]:
    """Comparisons of the baseline with gamed versions of itself: annotations, or AlpacaEval's table of them.

    Raises:
        InputError: A file is neither.
    """
    gamed: list[Gamed] = []
    for path in paths:
        rows = list(file_rows(path))
        if rows and "std_delta_len" in rows[0][1]:
            gamed += [_gamed(row, path, number) for number, row in rows]
        else:
            gamed += gamed_of([comparison_of(row, path, number) for number, row in rows])
    return gamed


def _gamed(row: Values, path: Path, number: int) -> Gamed:
    figures = [_number(row.get(name)) for name in ("index", "preference", "std_delta_len")]
    if not all(map(math.isfinite, figures)) or not 0 <= figures[1] <= 1:
        raise InputError(
            f"{path} row {number} is no gamed comparison", "it needs index, preference (0 to 1), std_delta_len"
        )
    return Gamed(int(figures[0]), figures[1], figures[2])


def _rank(line: Standing) -> float:
    rate = line.number("win_rate")
    return math.inf if math.isnan(rate) else -rate


def _cell(value: object) -> str:
    return "" if isinstance(value, float) and math.isnan(value) else str(value)


def _number(value: object) -> float:
    try:
        return float(str(value))
    except ValueError:
        return math.nan
