"""`humpback finetune`: a model finetuned on anybody's pairs, instruction -> response or backwards."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path

from humpback import models, seed
from humpback.config import Config
from humpback.data_access.rows import file_rows
from humpback.errors import InputError
from humpback.method.corpus import read_seed
from humpback.method.loop import as_pair, finetune
from humpback.prompts import use_texts
from humpback.reasons import in_words
from humpback.records import Candidate, Direction
from humpback.runs.store import Run
from humpback.standalone.tables import candidates_stage, is_candidate, is_curated, read_candidates
from humpback.standalone.work import PLAIN, Command, How, carry_out


def finetune_files(
    config: Config, folder: Path, direction: Direction, how: How = PLAIN, augmented: Sequence[Path] = ()
) -> list[str]:
    """Finetunes a model on pairs and writes its folder; a line of facts.

    All pairs are trained on, unless the training is to stop early: then some seed pairs are held out for that. Forwards
    each instruction carries the tag of its origin (paper, section 2.2): S_a for seed pairs, S_w for augmented ones.

    Args:
        config: The settings; `seed.source` names the pairs and `model.name` the base model.
        folder: Model folder to write.
        direction: Which side is learnt.
        how: How the command is carried out.
        augmented: Files of augmented pairs, such as what `select` wrote: M_1 is trained on seed and curated pairs.

    Raises:
        InputError: The seed pairs are what `select` wrote, or a file cannot be read.
        StoreError: The folder is there already, made by something else.
    """
    settings = config.backward if direction == "backward" else config.forward
    if not settings.early_stop_checks:
        config = without_holdout(config)
    if direction == "forward" and config.tags.enabled:
        _refuse_augmented(config.seed.source)
    read = [read_seed(config)]
    for number, path in enumerate(augmented, 1):
        rows = partial(read_candidates, path, config, to_learn=True)
        read.append(candidates_stage(path, config, rows, name=f"augmented-{number}"))
    # One stage name for both directions: the seed of a training of its own is the user's.
    train = finetune(config, models.identify(config.model), "model", direction, on=read, rng_seed=config.run.seed)

    def write(run: Run) -> list[str]:
        manifest = run.stage(train.name).manifest() or {}
        # After a kill between the two moves below the folder is in its place already.
        if (trained := run.stage(train.name).model_path).exists():
            shutil.rmtree(folder, ignore_errors=True)
            shutil.move(trained, folder)
        if config.model.engine_spec.dry_run:
            return [f"wrote {folder}: a dry run, nothing was trained"]
        facts, dropped = manifest["training"], sum(manifest["counts"]["dropped"].values())
        left_out = f", {dropped} dropped" if dropped else ""
        resumed = f" (the first {facts['resumed_from']} before)" if facts["resumed_from"] else ""
        steps = f"{facts['steps']} steps{resumed}, final loss {facts['final_loss']:.3f}"
        return [f"wrote {folder}: {facts['examples']} pairs{left_out}, {steps}"]

    reads = (Path(config.seed.source), Path(config.model.name), *augmented)
    return carry_out(Command([*read, train], config, folder, write, (folder,), reads), how)


def _refuse_augmented(pairs: str) -> None:
    """Refuses to train on augmented pairs under the tag of the seed.

    Raises:
        InputError: The file is what `instruct` or `select` wrote.
    """
    first = next(file_rows(pairs), None) if Path(pairs).is_file() else None
    if first is not None and (is_candidate(first[1]) or is_curated(first[1])):
        raise InputError(
            f"{pairs} holds augmented pairs, which would carry the tag of seed pairs",
            "name the seed pairs in its place and this file with --augmented, or --set tags.enabled=false",
        )


def without_holdout(config: Config) -> Config:
    """The settings under which no seed pair is held out."""
    return config.model_copy(update={"seed": config.seed.model_copy(update={"holdout_share": 0.0, "holdout_min": 0})})


def show_training(
    config: Config, direction: Direction, count: int, augmented: Sequence[Path] = (), *, colour: bool
) -> Iterator[str]:
    """The first examples of each file of a training as lines of tokens; the model is not loaded."""
    from humpback.models.loading import load_template, longest_sequence
    from humpback.training.show import show_examples

    use_texts(config.prompts.texts)
    base = models.resolve(config.model).path
    template, longest = load_template(base, config.model), longest_sequence(base, config.model)
    read = seed.read_seed(config.seed, config.run.seed)
    shown_pairs = list(read.kept[:count])
    for path in augmented:
        candidates = (row for row in read_candidates(path, config, to_learn=True) if isinstance(row, Candidate))
        shown_pairs += map(as_pair, islice(candidates, count))
    yield from show_examples(shown_pairs, direction, template, config.tags, longest, colour=colour)
    for reason, number in Counter(dropped.reason for dropped in read.dropped).most_common():
        yield f"left out {number}: {in_words(reason)} ({reason})"
