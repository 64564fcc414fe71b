"""The method on one screen: self-alignment with instruction backtranslation (Li et al. 2023, section 2)."""

from __future__ import annotations

from humpback.config import Config
from humpback.method.auto import resolve_auto
from humpback.method.corpus import cut_segments, drop_duplicates, read_seed, sample, take_out_lines
from humpback.method.loop import evaluate, finetune, select, self_augment
from humpback.method.rating import rate
from humpback.records import Direction
from humpback.runs.stage import Stage


def plan(config: Config, base: str) -> tuple[Stage, ...]:
    """The stages of a run, each after those it needs.

    Args:
        config: The run's settings.
        base: Identity of the base model.
    """
    config = resolve_auto(config)

    # The data: a few human-written pairs, and the segments of an unlabelled corpus.
    seed = read_seed(config)
    corpus = plan_corpus(config)
    segments = corpus[-1]

    # Self-augmentation: the backward model writes an instruction for every segment. Done once.
    backward = finetune(config, base, "backward", "backward", on=[seed])
    candidates = self_augment(config, segments, by=backward)

    # Self-curation: each model rates all candidates and trains its successor, always from the base.
    model = finetune(config, base, "forward-0", "forward", on=[seed])
    stages = [seed, *corpus, backward, candidates, model]
    models: list[tuple[str, Direction]] = [("base", "backward"), ("backward", "backward")]
    models += [("base", "forward"), (model.name, "forward")]
    for iteration in range(1, config.run.iterations + 1):
        *before, ratings = rate(config, iteration, candidates, seed, by=model)
        curated = select(config, iteration, candidates, ratings)
        model = finetune(config, base, f"forward-{iteration}", "forward", on=[seed, curated])
        stages += [*before, ratings, curated, model]
        models.append((model.name, "forward"))

    # Did it work? Every model on human pairs that none was trained on.
    if config.evaluate.heldout:
        needs = [seed, *(stage for stage in stages if stage.makes is None)]
        stages.append(evaluate(config, models, needs))
    return tuple(stages)


def plan_corpus(config: Config) -> tuple[Stage, ...]:
    """The stages from documents to the segments that instructions are written for.

    Args:
        config: The run's settings.
    """
    stages = [cut_segments(config)]
    if config.corpus.lines.max_documents:
        stages.append(take_out_lines(config, stages[-1]))
    if config.corpus.deduplicate.exact or config.corpus.deduplicate.near:
        stages.append(drop_duplicates(config, stages[-1]))
    if config.corpus.limit:
        stages.append(sample(config, stages[-1]))
    return tuple(stages)
