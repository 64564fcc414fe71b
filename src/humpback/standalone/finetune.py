"""`humpback finetune`: a model finetuned on anybody's pairs, instruction -> response or backwards."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from humpback import models, seed
from humpback.config import Config
from humpback.method.corpus import read_seed
from humpback.method.loop import finetune
from humpback.method.settings_file import with_changes
from humpback.records import Direction
from humpback.runs.store import Run
from humpback.standalone.work import Command, How, carry_out

_DEFAULT = How()


def finetune_files(
    pairs: str, out: Path, direction: Direction, model: str, changes: list[str], how: How = _DEFAULT
) -> list[str]:
    """Finetunes a model on pairs and writes its folder; a line of facts.

    All pairs are trained on, unless the training is to stop early: then some are held out for that.

    Args:
        pairs: Pairs, as `seed.source` takes them.
        out: Model folder to write.
        direction: Which side is learnt.
        model: The base model.
        changes: Settings, as NAME=VALUE.
        how: How the command is carried out.

    Raises:
        StoreError: The folder is there already, made by something else.
    """
    config = with_changes(Config.model_validate({"model": {"name": model}, "seed": {"source": pairs}}), changes)
    settings = config.backward if direction == "backward" else config.forward
    if not settings.early_stop_checks:
        config = without_holdout(config)
    read = read_seed(config)
    # One stage name for both directions: the seed of a training of its own is the user's.
    train = finetune(config, models.identify(config.model), "model", direction, on=[read], rng_seed=config.run.seed)

    def write(run: Run) -> list[str]:
        manifest = run.stage(train.name).manifest() or {}
        # After a kill between the two moves below the folder is in its place already.
        if (trained := run.stage(train.name).model_path).exists():
            shutil.rmtree(out, ignore_errors=True)
            shutil.move(trained, out)
        facts, dropped = manifest["training"], sum(manifest["counts"]["dropped"].values())
        left_out = f", {dropped} dropped" if dropped else ""
        resumed = f" (the first {facts['resumed_from']} before)" if facts["resumed_from"] else ""
        steps = f"{facts['steps']} steps{resumed}, final loss {facts['final_loss']:.3f}"
        return [f"wrote {out}: {facts['examples']} pairs{left_out}, {steps}"]

    return carry_out(Command([read, train], config, out, write, (out,), (Path(pairs), Path(model))), how)


def without_holdout(config: Config) -> Config:
    """The settings under which no seed pair is held out."""
    return config.model_copy(update={"seed": config.seed.model_copy(update={"holdout_share": 0.0, "holdout_min": 0})})


def show_training(
    pairs: str, direction: Direction, model: str, changes: list[str], count: int, *, colour: bool
) -> Iterator[str]:
    """The first examples of a training as lines of tokens, in the order of the pairs; the model is not loaded."""
    from humpback.finetune.load import load_tokenizer, longest_example
    from humpback.finetune.show import show_examples
    from humpback.models.template import Template

    config = with_changes(Config.model_validate({"model": {"name": model}, "seed": {"source": pairs}}), changes)
    base = models.resolve(config.model).path
    template = Template(load_tokenizer(base, config.model))
    longest = longest_example(base, config.model)
    shown_pairs = seed.read_seed(config.seed, config.run.seed).kept[:count]
    yield from show_examples(shown_pairs, direction, template, config.tags, longest, colour=colour)
