"""The commands under `humpback evaluate`: parse, call, print."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Optional

import typer

from humpback.cli.options import Force, Sets, at_work, configured, print_lines
from humpback.cli.output import with_output

app = typer.Typer(
    help="Measure models and data: win rates, likelihood, diversity.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

_Seed = Annotated[int, typer.Option(help="Of everything drawn at random.")]
_Outputs = Annotated[Path, typer.Argument(help="The model's outputs (model_outputs.json, or a table).")]
_Baseline = Annotated[Path, typer.Argument(help="The baseline's outputs on the same prompts.")]


@app.command("answer")
@with_output
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
    force: Force = False,
    settings: Sets = None,
) -> None:
    """Let a model answer an evaluation set.

    Example: humpback evaluate answer prompts.jsonl --model runs/demo/stages/forward-2/model --out m-2.json
    """
    from humpback.evaluation.answers import Answering
    from humpback.standalone.answer import answer_files

    answering = Answering(seed, max_new_tokens, temperature)
    with at_work(force=force) as how:
        print_lines(answer_files(prompts, model, out, name, answering, settings or [], how))


@app.command("judge")
@with_output
def judge_(
    outputs: _Outputs,
    baseline: _Baseline,
    model: Annotated[str, typer.Option(help="The judge.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Annotations to write, in AlpacaEval's form.")] = Path(
        "annotations.json"
    ),
    tries: Annotated[int, typer.Option(min=1, help="How often a pair without a verdict is asked.")] = 2,
    max_new_tokens: Annotated[int, typer.Option(min=1, help="Longest reply of the judge.")] = 512,
    max_unjudged: Annotated[
        float, typer.Option(min=0, max=1, help="Fail where more have no partner or verdict.")
    ] = 0.2,
    seed: _Seed = 0,
    force: Force = False,
    settings: Sets = None,
) -> None:
    """Let a model judge which of two answers is better.

    Each pair is judged in both orders.

    Example: humpback evaluate judge m-2.json m-0.json --model judge --out annotations.json
    """
    from humpback.evaluation.comparisons import Judging
    from humpback.standalone.judge import judge_files

    judging = Judging(seed, max_new_tokens, tries)
    with at_work(force=force) as how:
        print_lines(judge_files(outputs, baseline, model, out, judging, settings or [], max_unjudged, how))


@app.command()
@with_output
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
    """Work out win rates from annotations, with intervals.

    They are plain and length-controlled.

    Example: humpback evaluate winrate annotations.json --leaderboard leaderboard.csv
    """
    from humpback.standalone.judge import winrate_files

    with at_work():
        print_lines(winrate_files(annotations, difficulty, gamed or [], leaderboard, seed))


@app.command()
@with_output
def scaling(
    table: Annotated[Path, typer.Argument(help="Table with columns data, n, win_rate, and maybe standard_error.")],
) -> None:
    """Fit w = alpha log N + C: what more data is worth.

    Example: humpback evaluate scaling points.csv
    """
    from humpback.standalone.describe import scaling_lines

    print_lines(scaling_lines(table))


@app.command()
@with_output
def diversity(
    files: Annotated[list[Path], typer.Argument(help="Pairs, candidates or prompts: tables with an instruction.")],
    sample: Annotated[int, typer.Option(min=2, help="Instructions to look at in each file.")] = 2000,
    parser: Annotated[
        str, typer.Option(help="spaCy pipeline, such as en_core_web_sm: root verbs and their objects too.")
    ] = "",
    seed: _Seed = 0,
) -> None:
    """Measure how diverse instructions are.

    By n-grams, entropy, clusters, the long tail, verbs and their objects.

    Example: humpback evaluate diversity seed.jsonl curated.jsonl
    """
    from humpback.standalone.describe import diversity_lines

    with at_work():
        print_lines(diversity_lines(files, sample, seed, parser))


@app.command()
@with_output
def blind(
    outputs: _Outputs,
    baseline: _Baseline,
    out: Annotated[Path, typer.Option("--out", "-o", help="Sheet to write: .csv or .jsonl.")] = Path("blind.csv"),
    key: Annotated[Path, typer.Option(help="File that says which model stands where.")] = Path("blind-key.json"),
    count: Annotated[Optional[int], typer.Option(min=1, help="Pairs to draw [default: all].")] = None,  # noqa: UP045
    seed: _Seed = 0,
    force: Force = False,
) -> None:
    """Write pairs of answers without names, for people to compare.

    They are in random order.

    Example: humpback evaluate blind m-2.json m-0.json --count 100 --out blind.csv
    """
    from humpback.standalone.blind import blind_files

    with at_work(force=force) as how:
        print_lines(blind_files(outputs, baseline, out, key, count, seed, how))


@app.command()
@with_output
def unblind(
    answers: Annotated[Path, typer.Argument(help="The sheet with its column 'choice' filled in: A, B or tie.")],
    key: Annotated[Path, typer.Option(help="The key that was written with the sheet.")] = Path("blind-key.json"),
    out: Annotated[Optional[Path], typer.Option("--out", "-o", help="Annotations to write.")] = None,  # noqa: UP045
    seed: _Seed = 0,
    force: Force = False,
) -> None:
    """Turn a sheet that people filled in into win, tie and loss.

    All with intervals.

    Example: humpback evaluate unblind blind.csv --key blind-key.json
    """
    from humpback.standalone.blind import unblind_files

    with at_work(force=force) as how:
        print_lines(unblind_files(answers, key, out, seed, how))


@app.command()
@with_output
def suites(
    names: Annotated[list[str], typer.Argument(metavar="SUITE[=PATH]...", help="See below.")],
    model: Annotated[str, typer.Option(help="The model to measure.")] = "",
    outputs: Annotated[Optional[Path], typer.Option(help="Answers to ifeval that are there already.")] = None,  # noqa: UP045
    out: Annotated[Path, typer.Option("--out", "-o", help="Figures and rows to write.")] = Path("suites.json"),
    limit: Annotated[Optional[int], typer.Option(min=1, help="Most rows of a suite [default: all].")] = None,  # noqa: UP045
    chat_template: Annotated[bool, typer.Option("--chat-template", help="Put questions into it.")] = False,
    seed: _Seed = 0,
    force: Force = False,
    settings: Sets = None,
) -> None:
    """Measure a model without a judge, by lm-evaluation-harness.

    The rows are those of a file or folder, or of the hub.

    Suites: arc_easy, arc_challenge, piqa, social_iqa, openbookqa, mmlu, crows_pairs, ifeval.

    Example: humpback evaluate suites arc_easy=arc.jsonl piqa --model m-2 --limit 200 --out m-2-suites.json
    """
    from humpback.standalone.suites import Asking, suite_lines

    asking = Asking(tuple(names), model, outputs, out, limit, seed, chat_template)
    with at_work(force=force) as how:
        print_lines(suite_lines(asking, settings or [], how))


@app.command()
@with_output
def likelihood(
    pairs: Annotated[str, typer.Argument(help="Pairs that no model was trained on, in any layout of seed.source.")],
    model: Annotated[list[str], typer.Option(help="A model. Repeatable: each is compared with the first.")],
    direction: Annotated[Literal["forward", "backward"], typer.Option(help="Which side is predicted.")] = "forward",
    out: Annotated[Optional[Path], typer.Option("--out", "-o", help="File for each model's loss on each pair.")] = None,  # noqa: UP045
    force: Force = False,
    settings: Sets = None,
) -> None:
    """Measure how likely models find pairs.

    That is the loss per target token, compared pair by pair.

    Example: humpback evaluate likelihood heldout.jsonl --model m-0 --model m-2
    """
    from humpback.standalone.likelihood import likelihood_lines

    config = configured(settings, seed={"source": pairs})
    with at_work(force=force) as how:
        print_lines(likelihood_lines(config, model, direction, out, how))
