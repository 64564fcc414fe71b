"""The method on one screen: self-alignment with instruction backtranslation (Li et al. 2023, section 2)."""

from __future__ import annotations

from humpback.config import Config
from humpback.records import Direction
from humpback.stage import Stage
from humpback.stages import cut_segments, evaluate, finetune, rate, read_seed, sample, select, self_augment


def plan(config: Config, base: str) -> tuple[Stage, ...]:
    """The stages of a run, each after those it needs.

    Args:
        config: The run's settings.
        base: Identity of the base model.
    """
    # The data: a few human-written pairs, and the segments of an unlabelled corpus.
    seed = read_seed(config)
    segments = cut_segments(config)
    corpus = [segments]
    if config.corpus.limit:
        segments = sample(config, segments)
        corpus.append(segments)

    # Self-augmentation: the backward model writes an instruction for every segment. Done once.
    backward = finetune(config, base, "backward", "backward", on=[seed])
    candidates = self_augment(config, segments, by=backward)

    # Self-curation: each model rates all candidates and trains its successor, always from the base.
    model = finetune(config, base, "forward-0", "forward", on=[seed])
    stages = [seed, *corpus, backward, candidates, model]
    models: list[tuple[str, Direction]] = [("base", "backward"), ("backward", "backward")]
    models += [("base", "forward"), (model.name, "forward")]
    for iteration in range(1, config.run.iterations + 1):
        ratings = rate(config, iteration, candidates, by=model)
        curated = select(config, iteration, candidates, ratings)
        model = finetune(config, base, f"forward-{iteration}", "forward", on=[seed, curated])
        stages += [ratings, curated, model]
        models.append((model.name, "forward"))

    # Did it work? Every model on human pairs that none was trained on.
    if config.evaluate.heldout:
        needs = [seed, *(stage for stage in stages if stage.makes is None)]
        stages.append(evaluate(config, models, needs))
    return tuple(stages)
