"""The commands for each stage by itself, on anybody's files: parse, call, print."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal, Optional

import typer

from humpback.cli.options import Force, Ledger, Out, Sets, at_work, configured, print_lines
from humpback.cli.output import in_colour, say
from humpback.errors import ConfigError


def segment(
    documents: Annotated[
        list[str], typer.Argument(help="Files, folders, globs, URLs, hf:NAME, 'installed:' or 'package:demo'.")
    ],
    out: Out = Path("segments.jsonl"),
    dropped: Ledger = None,
    explain: Annotated[
        bool,
        typer.Option("--explain", help="Write nothing; show each piece of a document and why it is kept or dropped."),
    ] = False,
    preview: Annotated[
        bool, typer.Option("--preview", help="Write nothing; list the files by kind, and whether they are read.")
    ] = False,
    exclude: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option(metavar="GLOB", help="Leave out files whose path ends so, such as 'drafts/'. Repeatable."),
    ] = None,
    force: Force = False,
    settings: Sets = None,
) -> None:
    """Cut documents into self-contained segments.

    Example: humpback segment docs/ --out segments.jsonl --set corpus.segment.min_chars=400

    Example: humpback segment --preview docs/ --exclude 'drafts/'

    Example: humpback segment --explain pages.jsonl#12
    """
    from humpback.standalone.segment import explain_files, preview_files, segment_files

    config = configured(settings, corpus={"documents": documents, "exclude": exclude or []})
    if preview:
        print_lines(preview_files(config))
        return
    if explain:
        with at_work():
            print_lines(explain_files(config))
        return
    with at_work(force=force) as how:
        print_lines(segment_files(config, out, dropped, how))


def finetune(
    pairs: Annotated[str, typer.Argument(help="Seed pairs: a table or any other source, or 'package:demo'.")],
    augmented: Annotated[
        Optional[list[Path]],  # noqa: UP045
        typer.Option(help="Augmented pairs, such as what 'select' wrote: they carry the other tag. Repeatable."),
    ] = None,
    out: Annotated[Optional[Path], typer.Option("--out", "-o", help="Model folder to write.")] = None,  # noqa: UP045
    direction: Annotated[Literal["forward", "backward"], typer.Option(help="Which side is learnt.")] = "forward",
    model: Annotated[str, typer.Option(help="Base model.")] = "package:gemma3-270m",
    show: Annotated[
        int,
        typer.Option(
            metavar="N", min=0, help="Train nothing: show the tokens of N examples of each file and what is learnt."
        ),
    ] = 0,
    force: Force = False,
    settings: Sets = None,
) -> None:
    """Finetune a model on pairs, forwards or backwards.

    Example: humpback finetune seed.jsonl --direction backward --out m-yx --set backward.steps=20

    Example: humpback finetune seed.jsonl --augmented curated.jsonl --out m-1
    """
    from humpback.standalone.finetune import finetune_files, show_training

    config = configured(settings, model={"name": model}, seed={"source": pairs})
    if show:
        with at_work():
            colour = in_colour(sys.stdout)
            for line in show_training(config, direction, show, augmented or [], colour=colour):
                say(line, coloured=colour)
    elif out is None:
        raise ConfigError("there is no folder to write the model to", "give one with --out, or look with --show 3")
    else:
        with at_work(force=force) as how:
            print_lines(finetune_files(config, out, direction, how, augmented or []))


def instruct(
    segments: Annotated[Path, typer.Argument(help="Segments: a table with a text column, or any other source.")],
    model: Annotated[str, typer.Option(help="Backward model: the folder that 'finetune' wrote.")],
    out: Out = Path("candidates.jsonl"),
    dropped: Ledger = None,
    force: Force = False,
    settings: Sets = None,
) -> None:
    """Let a backward model write an instruction for each segment.

    Example: humpback instruct segments.jsonl --model m-yx --out candidates.jsonl
    """
    from humpback.standalone.instruct import instruct_files

    config = configured(settings, model={"name": model})
    with at_work(force=force) as how:
        print_lines(instruct_files(segments, config, out, dropped, how))


def rate(
    pairs: Annotated[Path, typer.Argument(help="Pairs: a table with instruction and response, or any other source.")],
    model: Annotated[str, typer.Option(help="The model that rates.")],
    out: Out = Path("ratings.jsonl"),
    dropped: Ledger = None,
    evaluate: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(
            metavar="LABELS", help="Say how the ratings agree with labels in this file (PAIRS itself may be)."
        ),
    ] = None,
    label: Annotated[
        str, typer.Option(help="Its column of yes and no, numbers or ranks; '-NAME': less is better.")
    ] = "",
    group: Annotated[str, typer.Option(help="Its column that says which pairs answer one prompt.")] = "",
    good_from: Annotated[Optional[float], typer.Option(help="Labels from here on are good.")] = None,  # noqa: UP045
    at: Annotated[
        Optional[list[int]],  # noqa: UP045
        typer.Option(metavar="K", min=1, help="Precision and recall of the best-scored K. Repeatable."),
    ] = None,
    figures: Annotated[Optional[Path], typer.Option(help="JSON file for the figures.")] = None,  # noqa: UP045
    backward: Annotated[
        str, typer.Option(metavar="M_YX", help="Backward model, for 'two-questions' and scorers such as 'stored-gain'.")
    ] = "",
    calibration: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(help="For 'calibrated': how the model reads good pairs; made if not there."),
    ] = None,
    force: Force = False,
    settings: Sets = None,
) -> None:
    """Let a model rate pairs from 1 to 5.

    With --evaluate, the ratings are measured against labels.

    Example: humpback rate candidates.jsonl --model m-0 --out ratings.jsonl --set curate.scorer=expected-rating

    Example: humpback rate replies.jsonl --model m-0 --evaluate replies.jsonl --label rank --group prompt_id
    """
    from humpback.standalone.rate import rate_files

    config = configured(settings, model={"name": model})
    if evaluate is None:
        if label or group or at or figures or good_from is not None:
            raise ConfigError("labels are described but not given", "name their file with --evaluate")
        with at_work(force=force) as how:
            print_lines(rate_files(pairs, config, out, dropped, backward, how, calibration))
        return
    from humpback.evaluation.labels import LabelColumns
    from humpback.standalone.labels import agreement_lines, read_labelled

    with at_work(force=force) as how:
        labelled = read_labelled(pairs, evaluate, LabelColumns(label, group, good_from), settings or [])
        print_lines(rate_files(pairs, config, out, dropped, backward, how, calibration))
        print_lines(agreement_lines(labelled, out, at or [], figures, settings or [], how))


def select(
    pairs: Annotated[Path, typer.Argument(help="The pairs that were rated.")],
    ratings: Annotated[Path, typer.Argument(help="The ratings that 'rate' wrote.")],
    out: Out = Path("curated.jsonl"),
    dropped: Ledger = None,
    force: Force = False,
    settings: Sets = None,
) -> None:
    """Keep the best-rated pairs.

    Example: humpback select candidates.jsonl ratings.jsonl --out curated.jsonl --set curate.select.top_share=0.3
    """
    from humpback.standalone.rate import select_files

    with at_work(force=force) as how:
        print_lines(select_files(pairs, ratings, configured(settings), out, dropped, how))
