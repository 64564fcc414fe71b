"""The grid as stages: first what all arms share, then for each cell selection, training and measurement.

Stages have the names and recipes that they have in a run, so an experiment in a run's folder reuses what is there.
Where there are several of a kind, the name says what they hold, not which arm they are for:

    ratings-1.ifd   curated-1.ifd-64   forward-1.ifd-64.s2   heldout.forward-1.ifd-64.s2

So arms can be added, renamed and removed, and what two of them share is computed once.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from humpback.config import Config, RoleSettings, spec_of
from humpback.config.experiment import ArmSettings, ExperimentSettings, Size
from humpback.errors import ConfigError
from humpback.experiment.instructions import exchanged, read_instructions
from humpback.experiment.measures import measures_of
from humpback.experiment.planted import PlantedCorpus, only, plan_planted_corpus
from humpback.experiment.renamed import renamed
from humpback.method.auto import resolve_auto
from humpback.method.choosing import choose_segments
from humpback.method.corpus import read_seed
from humpback.method.evaluation import pair_losses
from humpback.method.loop import finetune, select
from humpback.method.plan import Start, augment_corpus, plan_corpus
from humpback.method.rating import rate
from humpback.method.settings_file import with_changes
from humpback.records import Rating, content_id, record_rng_seed
from humpback.runs.stage import Stage, Train
from humpback.runs.status import StageStatus, status
from humpback.runs.store import Run

_BEFORE_RATING = ("corpus.choose.", "backward.", "augment.")
"""Settings that decide what is rated."""

_DECIDING = {
    **dict.fromkeys(("groups", "vectors", "distinct"), ("corpus.choose.tokens", "corpus.choose.sample")),
    **dict.fromkeys(("direction", "likeness", "chosen", "sample"), ("corpus.choose.",)),
    "backward": ("backward.",),
    "forward-0": (),
}
"""Of these the ones that decide a stage before the candidates."""

BASE = "base"
"""Name of the row of the model before any training."""


@dataclass(frozen=True, slots=True)
class Row:
    """The unit of comparison: one way to train at one size; its cells are its trainings."""

    arm: str
    size: Size | None = None
    iteration: int = 0
    """t of M_t."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One training of a row, and the stages that measure it."""

    row: Row
    seed: int
    """0 where nothing is trained."""
    model: str
    """Stage of the model, or 'base'."""
    curated: str
    """Stage of the candidates that it was trained on; empty where there are none."""
    measured: Mapping[str, str]
    """Stage of each measure, by the measure's name. Where answers are planted there are two more: 'development' where
    the cell may stand for M_0, 'reading' where it has candidates."""


@dataclass(slots=True)
class Grid:
    """The experiment as a plan: stages in order, each after those that it needs, and the cells that end in them."""

    start: Start
    """What all arms share that change nothing of it."""
    planted: PlantedCorpus | None = None
    """Where answers are planted in the corpus."""
    readings: dict[str, str] = field(default_factory=dict)
    """Stage in which M_0 reads the planted answers under three kinds of instruction, by the stage of the candidates."""
    stages: dict[str, Stage] = field(default_factory=dict)
    cells: list[Cell] = field(default_factory=list)

    def add(self, stage: Stage) -> Stage:
        """Adds a stage, or returns the one that has its name already."""
        added = self.stages.setdefault(stage.name, stage)
        # Names must hold everything that decides a stage, or arms would share what differs between them.
        if (added.settings, added.needs) != (stage.settings, stage.needs):
            raise ValueError(f"two stages that differ are both called {stage.name}")
        return added

    def standing(self, run: Run) -> list[StageStatus]:
        """The state of every stage."""
        return status(list(self.stages.values()), run)

    def gone(self, run: Run) -> list[str]:
        """Models that were deleted after they were measured, and that a stage needs again."""
        needed = dict.fromkeys(name for item in self.standing(run) if item.state != "done" for name in item.stage.needs)
        models = [name for name in needed if isinstance(self.stages[name].work, Train)]
        return [name for name in models if run.stage(name).manifest() and not run.stage(name).model_path.exists()]

    def leading_to(self, names: Iterable[str]) -> list[Stage]:
        """These stages with all that they need, in order."""
        required = set(names)
        for name in reversed(self.stages):
            if name in required:
                required.update(self.stages[name].needs)
        return [stage for name, stage in self.stages.items() if name in required]


def plan_experiment(experiment: ExperimentSettings, base: str) -> Grid:
    """Makes the stages and cells of an experiment.

    Args:
        experiment: Its settings.
        base: Identity of the base model.

    Raises:
        ConfigError: A setting of an arm is wrong.
    """
    config = experiment.settings
    if config.models != RoleSettings():
        raise ConfigError("an experiment trains all models of the loop", "leave settings.models out")
    planted = plan_planted_corpus(experiment, experiment.recover) if experiment.recover else None
    seed = planted.seed if planted else read_seed(config)
    start = augment_corpus(config, base, seed, _corpus(config, planted, seed, base))
    assert start.seed_model, "an experiment trains M_0"
    grid = Grid(start, planted)
    for stage in (*(planted.stages if planted else ()), *start.stages):
        grid.add(stage)
    maker = _Maker(experiment, base, grid, seed, start.seed_model)
    maker.measure(config, Row(BASE), 0, None, None)
    # All arms with the first seed before any with the second: a grid that is stopped half-way can already be compared.
    for number in range(1, experiment.seeds + 1):
        for name in experiment.arms:
            for size in experiment.sizes_of(name):
                maker.cell(name, size, number)
    return grid


def _corpus(
    config: Config,
    planted: PlantedCorpus | None,
    seed: Stage,
    base: str,
    called: Callable[[Stage], Stage] = lambda stage: stage,
) -> tuple[Stage, ...]:
    """From documents, or from what was planted, to the segments that instructions are written for."""
    if planted is None:
        return plan_corpus(config, seed, base, called)
    if config.corpus.choose.share == 1:
        return (planted.segments,)
    return planted.segments, *choose_segments(config, planted.segments, seed, base, called)


@dataclass(frozen=True, slots=True)
class _Maker:
    """Adds the stages of cell after cell."""

    experiment: ExperimentSettings
    base: str
    grid: Grid
    seed: Stage
    rater: Stage

    def cell(self, name: str, size: Size | None, number: int) -> None:
        """One arm at one size with one seed: M_1, M_2, ... up to the arm's last iteration, each measured."""
        arm = self.experiment.arms[name]
        config = _config_of(arm, size, self.experiment.settings)
        if size is None:
            model = self._train(config, arm, f"forward-0.seed{_part(arm)}{_mark(arm, '')}", number, None)
            self.measure(config, Row(name), number, model, None)
            return
        model, candidates = self.rater, self._candidates(arm, config)
        reading = self._reading(candidates)
        if arm.candidates != "all":
            candidates = self.grid.add(only(arm.candidates, candidates))
        for iteration in range(1, arm.iterations + 1):
            curated = self._curate(config, arm, candidates, size, number, iteration, model)
            label = f"forward-{iteration}.{_content(arm, size)}"
            model = self._train(config, arm, label, number, curated)
            self.measure(config, Row(name, size, iteration), number, model, curated, reading)

    def measure(
        self,
        config: Config,
        row: Row,
        number: int,
        model: Stage | None,
        curated: Stage | None,
        reading: Stage | None = None,
    ) -> None:
        """Adds the cell of a model with its measures."""
        called = model.name if model else BASE
        stages = {"reading": reading.name} if reading else {}
        for measure in measures_of(self.experiment):
            for stage in measure.stages(config, self.seed, model, f"{measure.name}.{called}"):
                if stage.model and not model:  # no stage that it stands on says which model that is
                    stage = replace(stage, settings={**stage.settings, "model.identity": self.base})
                stages[measure.name] = self.grid.add(stage).name
        if self.grid.planted and self.grid.planted.development and model and not curated:
            losses = pair_losses(config, f"development.{called}", self.grid.planted.development, model, "forward")
            stages["development"] = self.grid.add(losses).name
        self.grid.cells.append(Cell(row, number, called, curated.name if curated else "", stages))

    def _candidates(self, arm: ArmSettings, config: Config) -> Stage:
        """The candidates that the arm selects from: those of all arms, unless it changes how they come about."""
        shared = self.experiment.settings
        shared_config = config.model_copy(update={"forward": shared.forward, "tags": shared.tags})

        def called(stage: Stage) -> Stage:
            # M_0 is the same for all, and so it is that rates and chooses among drafts.
            mark = _mark(arm, *_DECIDING.get(stage.name, _BEFORE_RATING))
            return self.grid.add(renamed(stage, stage.name + f".{mark[1:]}", stage.does) if mark else stage)

        corpus = _corpus(shared_config, self.grid.planted, self.seed, self.base, called)
        return augment_corpus(shared_config, self.base, self.seed, corpus, called).candidates

    def _reading(self, candidates: Stage) -> Stage | None:
        """What the instructions of planted answers are worth to M_0."""
        if self.grid.planted is None:
            return None
        name = candidates.name.replace("candidates", "reading")
        planted = self.grid.planted.planted
        reading = read_instructions(self.experiment.settings, planted, candidates, self.rater, name)
        self.grid.readings[candidates.name] = name
        return self.grid.add(reading)

    def _curate(
        self,
        config: Config,
        arm: ArmSettings,
        candidates: Stage,
        size: Size,
        number: int,
        iteration: int,
        rater: Stage,
    ) -> Stage:
        """The best candidates by the arm's scorer. M_0 rates once for all seeds, unless the scorer itself draws."""
        drawn = f".s{number}" if spec_of(arm.scorer).by_chance or iteration > 1 else ""
        origin = _origin(arm) + _mark(arm, *_BEFORE_RATING)
        rated_by = f"{arm.scorer}{origin}{_mark(arm, 'curate.', but='curate.select.')}"
        selected = f"{arm.scorer}{origin}{_mark(arm, 'curate.')}-{size}"
        if iteration > 1:
            rated_by = selected = _content(arm, size)
        rating_config = _rating_config(self.experiment, config, number, iteration)
        ratings = self._rate(rating_config, candidates, iteration, rater, rated_by + drawn)
        name = f"curated-{iteration}.{selected}{drawn}"
        choice = select(config, iteration, candidates, ratings)
        curated = self.grid.add(renamed(choice, name, f"keep the best {size}"))
        if arm.instructions == "written" or self.grid.planted is None:
            return curated
        name = name.replace(selected, f"{selected}-{arm.instructions}", 1)
        return self.grid.add(exchanged(config, curated, self.grid.planted.planted, arm.instructions, name))

    def _rate(self, config: Config, candidates: Stage, iteration: int, rater: Stage, name: str) -> Stage:
        """Ratings of all candidates, and the stages that these need."""

        def called(stage: Stage) -> Stage:
            does = stage.does.replace(f"M_{iteration - 1}", rater.name)
            if stage.makes is Rating:
                does = f"rate the candidates by {config.curate.scorer}"
            return self.grid.add(renamed(stage, f"{stage.name}.{name}", does))

        return rate(config, iteration, candidates, self.seed, rater, called)[-1]

    def _train(self, config: Config, arm: ArmSettings, label: str, number: int, curated: Stage | None) -> Stage:
        """From the base, on seed pairs and curated ones. All trainings with one seed draw the same numbers."""
        pairs = [*([self.seed] if arm.seed_pairs else []), *([curated] if curated else [])]
        training = finetune(
            config, self.base, f"training.s{number}", "forward", on=pairs, seed_share=arm.seed_share
        )  # fmt: skip
        does = f"finetune the base on {' and '.join(stage.name for stage in pairs)}"
        return self.grid.add(renamed(training, f"{label}.s{number}", does, {"experiment.seed": number}))


def _config_of(arm: ArmSettings, size: Size | None, shared: Config) -> Config:
    """The settings of one arm at one size."""
    changes = [f"{name}={json.dumps(value)}" for name, value in arm.settings.items()]
    if size is not None:
        share, number = (1.0, None) if size == "all" else (None, size)
        selection = {"threshold": None, "top_share": share, "top_n": number}
        changes += [f"curate.scorer={arm.scorer}"]
        changes += [f"curate.select.{name}={json.dumps(value)}" for name, value in selection.items()]
    return resolve_auto(with_changes(shared, changes))


def _rating_config(experiment: ExperimentSettings, config: Config, number: int, iteration: int) -> Config:
    """The settings of an arm's ratings: all arms share M_0 and its tags; random scores follow the seed of the cell."""
    changed: dict[str, object] = {}
    if iteration == 1:
        changed["tags"] = experiment.settings.tags
    if spec_of(config.curate.scorer).by_chance:
        draw = record_rng_seed(config.run.seed, "experiment", str(number)) % 2**31
        changed["run"] = config.run.model_copy(update={"seed": draw})
    return config.model_copy(update=changed)


def _content(arm: ArmSettings, size: Size) -> str:
    """The data of a training, as part of a name."""
    changed = _origin(arm) + (f"-{arm.instructions}" if arm.instructions != "written" else "")
    return f"{arm.scorer}-{size}{changed}" + ("" if arm.seed_pairs else "-alone") + _part(arm) + _mark(arm, "")


def _origin(arm: ArmSettings) -> str:
    """The candidates that the arm may select from, as part of a name."""
    return f"-{arm.candidates}" if arm.candidates != "all" else ""


def _part(arm: ArmSettings) -> str:
    """The part of the seed that the arm is trained on, as part of a name."""
    return f"-{arm.seed_share:g}" if arm.seed_share < 1 else ""


def _mark(arm: ArmSettings, *groups: str, but: str = "\n") -> str:
    """A digest of the arm's own settings of some groups, as part of a name; empty where it has none."""
    # Left alone, `but` is what no name begins with.
    overrides = {
        name: value for name, value in arm.settings.items() if name.startswith(groups) and not name.startswith(but)
    }
    return f"-{content_id(json.dumps(overrides, sort_keys=True))[:6]}" if overrides else ""
