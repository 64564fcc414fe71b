"""The commands under `humpback evaluate`: parse, call, print."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Optional

import typer

app = typer.Typer(
    help="Measure models and data: win rates, scaling, diversity, blind comparison.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

_Sets = Annotated[
    Optional[list[str]],  # noqa: UP045 - typer reads this at run time
    typer.Option("--set", metavar="NAME=VALUE", help="Change one setting, such as model.device=cpu. Repeatable."),
]
_Seed = Annotated[int, typer.Option(help="Of everything drawn at random.")]
_Outputs = Annotated[Path, typer.Argument(help="The model's outputs (model_outputs.json, or a table).")]
_Baseline = Annotated[Path, typer.Argument(help="The baseline's outputs on the same prompts.")]


@app.command("answer")
def answer_(
    prompts: Annotated[Path, typer.Argument(help="Prompts: any table with a prompt in it, or a text file.")],
    model: Annotated[str, typer.Option(help="The model that answers.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Outputs to write, in AlpacaEval's form.")] = Path(
        "model_outputs.json"
    ),
    name: Annotated[str, typer.Option(help="What to call the model [default: the last part of its name].")] = "",
    max_new_tokens: Annotated[int, typer.Option(min=1, help="Longest answer.")] = 1024,
    temperature: Annotated[float, typer.Option(min=0, help="0 is greedy.")] = 0.7,
    seed: _Seed = 0,
    settings: _Sets = None,
) -> None:
    """Let a model answer an evaluation set.

    Example: humpback evaluate answer prompts.jsonl --model runs/demo/stages/forward-2/model --out m-2.json
    """
    from humpback.evaluate.answers import Answering
    from humpback.measures import answer_files

    how = Answering(seed, max_new_tokens, temperature)
    _print(answer_files(prompts, model, out, name, how, settings or []))


@app.command("judge")
def judge_(
    outputs: _Outputs,
    baseline: _Baseline,
    model: Annotated[str, typer.Option(help="The judge.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Annotations to write, in AlpacaEval's form.")] = Path(
        "annotations.json"
    ),
    tries: Annotated[int, typer.Option(min=1, help="How often a pair without a verdict is asked.")] = 2,
    max_unjudged: Annotated[float, typer.Option(min=0, max=1, help="Fail where more pairs have no verdict.")] = 0.2,
    seed: _Seed = 0,
    settings: _Sets = None,
) -> None:
    """Let a model judge which of two answers is better, each pair in both orders.

    Example: humpback evaluate judge m-2.json m-0.json --model judge --out annotations.json
    """
    from humpback.evaluate.winrate import Judging
    from humpback.measures import judge_files

    how = Judging(seed=seed, tries=tries)
    _print(judge_files(outputs, baseline, model, out, how, settings or [], max_unjudged))


@app.command()
def winrate(
    annotations: Annotated[list[Path], typer.Argument(help="Annotations, one file for each model.")],
    difficulty: Annotated[
        str, typer.Option(help="Table of the prompts' difficulties, or 'joint': learnt from all annotations.")
    ] = "",
    gamed: Annotated[
        Optional[list[Path]],  # noqa: UP045
        typer.Option(help="Annotations of a wordy or terse version of the baseline. Repeatable."),
    ] = None,
    leaderboard: Annotated[Optional[Path], typer.Option(help="Leaderboard (CSV) to put the figures into.")] = None,  # noqa: UP045
    seed: _Seed = 0,
) -> None:
    """Work out win rates from annotations, plain and length-controlled, with intervals.

    Example: humpback evaluate winrate annotations.json --leaderboard leaderboard.csv
    """
    from humpback.measures import winrate_files

    _print(winrate_files(annotations, difficulty, gamed or [], leaderboard, seed))


def _print(lines: Iterable[str]) -> None:
    for line in lines:
        typer.echo(line)
