"""The paper's evaluation figures, as far as what is published lets them be made again.

1. Leaderboards that the package alpaca-eval ships: win rates and standard errors from their counts.
2. Annotations, where a folder of them is given: win rate and length-controlled win rate against the leaderboard. The
   package ships none, nor the difficulties of prompts and gamed comparisons that its length control needs.
3. Our arithmetic against AlpacaEval's own code, on made-up judgements: real prompts and baseline, answers of random
   lengths; files that we write and it reads.
4. The paper's scaling coefficients, by the base of the logarithm. It gives no points to fit.

    pip install --target FOLDER --no-deps alpaca-eval patsy fire python-dotenv openai tiktoken termcolor
    python benchmarks/paper_tables.py --package FOLDER --outputs alpaca_eval_prompts.jsonl.gz
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from peers import alpaca_eval_code

from humpback.data_access.rows import file_rows
from humpback.evaluation.comparisons import Comparison, only_model, read_comparisons, write_comparisons
from humpback.evaluation.leaderboard import read_difficulty, read_gamed, read_leaderboard
from humpback.evaluation.length_control import length_controlled
from humpback.evaluation.winrate import win_rate

ALPHAS = {
    "Humpback": 6.95, "WizardLLM": 5.69, "Alpaca-GPT4": 5.40, "Vicuna": 4.53,
    "OA": 4.43, "LIMA": 2.86, "Alpaca": 1.99, "FLANv2": 0.22,
}  # fmt: skip
PAPER = {"humpback-llama-65b": 83.71, "humpback-llama2-70b": 87.94, "guanaco-65b": 71.80}
MODELS = 8
WITHIN = 0.1


def from_counts(leaderboard: Path) -> dict[str, Any]:
    """Win rate and standard error of each line from its wins, ties and losses, against those published."""
    found: dict[str, Any] = {"lines": 0, "worst_win_rate": 0.0, "standard_errors": 0, "worst_standard_error": 0.0}
    for line in read_leaderboard(leaderboard).values():
        counts = [line.number(name) for name in ("n_wins", "n_draws", "n_wins_base")]
        if not all(map(math.isfinite, counts)):
            continue
        points = [value for value, count in zip((2.0, 1.5, 1.0), counts, strict=True) for _ in range(int(count))]
        ours = win_rate([Comparison(str(n), "", "", "b", "m", preference=p) for n, p in enumerate(points)])
        plain, discrete = line.number("win_rate"), line.number("discrete_win_rate")
        sharp = math.isnan(discrete) or abs(plain - discrete) < 1e-9
        found["lines"] += 1
        off = abs(ours.discrete_win_rate - (plain if math.isnan(discrete) else discrete))
        if off > WITHIN:  # the line contradicts itself
            found.setdefault("lines_off", {})[line.model] = {
                "from_counts": round(ours.discrete_win_rate, 2), "published": round(discrete, 2)
            }  # fmt: skip
        else:
            found["worst_win_rate"] = max(found["worst_win_rate"], off)
        if sharp and len(points) == line.number("n_total"):  # a judge that says win, tie or loss
            found["standard_errors"] += 1
            off = abs(ours.standard_error - line.number("standard_error"))
            found["worst_standard_error"] = max(found["worst_standard_error"], off)
        if line.model in PAPER and "alpaca_eval_gpt4_leader" in leaderboard.name:
            found.setdefault("paper", {})[line.model] = {
                "ours": round(ours.win_rate, 2), "paper": PAPER[line.model],
                "interval": [round(ours.interval.low, 2), round(ours.interval.high, 2)],
            }  # fmt: skip
    return {name: round(value, 9) if isinstance(value, float) else value for name, value in found.items()}


def from_annotations(folder: Path, leaderboard: Path, difficulty: Path | None, gamed: list[Path]) -> dict[str, Any]:
    """Both win rates of each annotations.json below a folder, against the leaderboard."""
    lines = read_leaderboard(leaderboard)
    hard, held = read_difficulty(difficulty) if difficulty else None, read_gamed(gamed)
    rows = []
    for path in sorted(folder.rglob("annotations.json")):
        comparisons = read_comparisons(path)
        _, model = only_model(comparisons)
        rate, controlled = win_rate(comparisons), length_controlled(comparisons, hard, held)
        line = lines.get(model)
        rows.append({
            "model": model, "form": controlled.form,
            "win_rate": round(rate.win_rate, 3), "published": line.number("win_rate") if line else None,
            "length_controlled": round(controlled.win_rate, 3),
            "published_length_controlled": line.number("length_controlled_winrate") if line else None,
        })  # fmt: skip
    return {"models": rows}


def made_up(outputs: Path, folder: Path) -> tuple[list[Path], Path]:
    """Annotations as a judge could write them, and a table of gamed comparisons as AlpacaEval has it."""
    rows = [row for _, row in file_rows(outputs)]
    rng = np.random.default_rng(0)
    hard = rng.normal(0, 1, len(rows))
    files = []
    for model in range(MODELS):
        more = rng.normal(rng.normal(0, 300), 400, len(rows)).astype(int)
        ours = ["x" * max(1, len(str(row["davinci003"])) + extra) for row, extra in zip(rows, more, strict=True)]
        delta = np.array([len(str(row["davinci003"])) - len(one) for row, one in zip(rows, ours, strict=True)])
        logits = rng.normal(-1, 1) - 1.5 * np.tanh(delta / delta.std(ddof=1)) + 0.8 * hard + rng.normal(0, 2, len(rows))
        preferences = 1 + 1 / (1 + np.exp(-logits))
        if model % 2:  # a judge that says win, tie or loss
            preferences = np.where(preferences > 1.6, 2.0, np.where(preferences < 1.4, 1.0, 1.5))
        made = [
            Comparison(str(row["instruction"]), str(row["davinci003"]), one, "base", f"m{model}", "", "made-up",
                       None if model == 3 and n < 7 else float(value), index=n)
            for n, (row, one, value) in enumerate(zip(rows, ours, preferences, strict=True))
        ]  # fmt: skip
        files.append(folder / f"m{model}.json")
        write_comparisons(files[-1], made)
    table = folder / "gamed.csv"
    with table.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(
            ("preference", "index", "std_delta_len", "instruction_difficulty", "not_gamed_baseline", "model")
        )
        for name, sign in (("verbose", -1), ("concise", 1)):
            lengths = rng.normal(sign * 400, 300, len(rows))
            lengths /= lengths.std(ddof=1)
            chances = 1 / (1 + np.exp(1.2 * np.tanh(lengths) - 0.2 * hard - rng.normal(0, 2, len(rows))))
            writer.writerows(zip(chances, range(len(rows)), lengths, hard, ["False"] * len(rows), [name] * len(rows)))  # noqa: B905
    return files, table


def against_the_code(package: Path, outputs: Path) -> dict[str, Any]:
    """The largest differences between our figures and AlpacaEval's, on the same files."""
    with tempfile.TemporaryDirectory() as name:
        files, table = made_up(outputs, Path(name))
        module = alpaca_eval_code.load(package, table)
        hard, held = read_difficulty(table), read_gamed([table])
        worst: dict[str, float] = {}
        for path in files:
            rows = read_comparisons(path)
            rate = win_rate(rows)
            theirs = alpaca_eval_code.figures(module, path, "length_controlled_v1")
            minimal = alpaca_eval_code.figures(module, path, "length_controlled_minimal")
            full, short = length_controlled(rows, hard, held), length_controlled(rows)
            pairs = {
                "win_rate": (rate.win_rate, theirs["win_rate"]),
                "discrete_win_rate": (rate.discrete_win_rate, theirs["discrete_win_rate"]),
                "standard_error": (rate.standard_error, theirs["standard_error"]),
                "counts": (rate.n_wins + 1000 * rate.n_draws, theirs["n_wins"] + 1000 * theirs["n_draws"]),
                "length_controlled": (full.win_rate, theirs["length_controlled_winrate"]),
                "length_controlled_standard_error": (full.standard_error, theirs["lc_standard_error"]),
                "length_controlled_minimal": (short.win_rate, minimal["length_controlled_winrate"]),
            }
            for key, (one, two) in pairs.items():
                worst[key] = max(worst.get(key, 0.0), abs(one - two))
    return {"models": len(files), "largest_differences": {key: round(value, 6) for key, value in worst.items()}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--package", type=Path, required=True, help="folder that holds the unpacked alpaca_eval")
    parser.add_argument("--outputs", type=Path, required=True, help="its prompts with davinci-003's answers")
    parser.add_argument("--annotations", type=Path, help="folder with annotations.json files, however deep")
    parser.add_argument("--leaderboard", type=Path, help="leaderboard of those annotations [the package's]")
    parser.add_argument("--difficulty", type=Path, help="table with the column instruction_difficulty")
    parser.add_argument(
        "--gamed", type=Path, nargs="*", default=[], help="df_gamed.csv, or annotations of gamed models"
    )
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "paper_tables.json")
    args = parser.parse_args()
    boards = sorted((args.package / "alpaca_eval" / "leaderboards").glob("data_*/*.csv"))
    board = args.leaderboard or next(path for path in boards if path.name.startswith("weighted"))
    found: dict[str, Any] = {
        "versions": {name: version(name) for name in ("numpy", "scikit-learn", "scipy")},
        "leaderboards": {f"{path.parent.name}/{path.stem}": from_counts(path) for path in boards},
        "annotations": from_annotations(args.annotations, board, args.difficulty, args.gamed)
        if args.annotations
        else "not run: alpaca-eval ships leaderboards, and no annotations, difficulties or gamed comparisons",
        "against_alpaca_eval": against_the_code(args.package, args.outputs),
        "scaling": {
            "points": "none are published with the coefficients, so none are fitted",
            "percentage_points": {
                name: {
                    "alpha": alpha,
                    "per_doubling_if_natural_log": round(alpha * math.log(2), 2),
                    "per_doubling_if_log_10": round(alpha * math.log10(2), 2),
                }
                for name, alpha in ALPHAS.items()
            },
        },
    }
    text = json.dumps(found, indent=1)
    args.out.write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
