"""Suites without a judge on one model: files or the hub in, a table and a JSON file out.

Each suite is a stage, kept as soon as it is done: the command can be killed and run again. A suite that stands in the
file is not done again, and suites can be added to a file later.
"""

from __future__ import annotations

import importlib.util
import json
import os
import random
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from humpback import models
from humpback.config import Config
from humpback.data_access.rows import Values
from humpback.errors import ConfigError, InputError
from humpback.evaluation.answers import Answering
from humpback.evaluation.comparisons import read_outputs, write_json
from humpback.evaluation.suites import ifeval
from humpback.evaluation.suites.catalogue import IFEVAL, SUITES, check_name
from humpback.evaluation.suites.files import read_suite
from humpback.evaluation.suites.results import Figure, Row, figures, lines
from humpback.method.settings_file import with_changes
from humpback.records import Outcome, content_id, record_rng_seed
from humpback.runs.stage import Inputs, Stage, one_shard
from humpback.runs.store import Run
from humpback.standalone.answer import answer_files
from humpback.standalone.work import PLAIN, Command, How, carry_out
from humpback.statistics.intervals import Interval

if TYPE_CHECKING:
    from humpback.evaluation.suites.harness import Reader, Rows

_VERSION = "1"
"""Part of what decides whether a suite is done again: raised when the same rows would give other figures."""

_PACKAGES = ("lm_eval", "langdetect", "nltk", "punkt")
_ANOTHER = "choose another --out, or overwrite it with --force"
_LONGEST_ANSWER = 1280
"""Tokens, as in the harness's own task; it is greedy too."""


@dataclass(frozen=True, slots=True)
class Asking:
    """What to measure, and how.

    Attributes:
        suites: 'NAME' for the hub's rows, 'NAME=PATH' for those of a file or folder.
        model: The model; may be empty where `outputs` are checked alone.
        outputs: Answers to IFEval's prompts that are there already.
        results: File for figures and rows.
        limit: Most rows of a suite; a seeded sample where there are more.
        seed: Of everything drawn at random.
        template: Put questions into the model's chat template.
    """

    suites: tuple[str, ...]
    model: str
    outputs: Path | None
    results: Path
    limit: int | None = None
    seed: int = 0
    template: bool = False


def suite_lines(asking: Asking, changes: list[str], how: How = PLAIN) -> Iterator[str]:
    """Measures a model on suites and writes figures and rows; lines of a table.

    Raises:
        ConfigError: A suite is not known, or a package or a model is missing.
        InputError: A file is missing or not a suite's; or the results there are another model's.
    """
    if missing := [name for name in _PACKAGES if importlib.util.find_spec(name) is None]:
        raise ConfigError(f"suites need {', '.join(missing)}", "pip install 'humpback-align[suites]'")
    if not sys.stderr.isatty():
        os.environ.setdefault("TQDM_DISABLE", "1")  # the harness draws its bars wherever it runs
    paths = _suite_paths(asking.suites)
    config = _config(asking, paths, changes)
    results = _Results(asking, config, how.force)
    # Every file is read before a model is made ready: a wrong name costs seconds.
    tasks = ifeval.read_tasks(paths[IFEVAL]) if IFEVAL in paths else []
    rows = {name: _rows(name, path, asking) for name, path in paths.items() if name != IFEVAL}
    yield from _read(rows, asking, config, results, how)
    if IFEVAL in paths:
        yield from _follow(tasks, asking, changes, results, how)
    yield f"wrote {asking.results}"


def _suite_paths(suites: Sequence[str]) -> dict[str, Path | None]:
    suite_paths: dict[str, Path | None] = {}
    for suite in suites:
        name, equals_sign, path = suite.partition("=")
        if check_name(name) in suite_paths:
            raise ConfigError(f"{name} is named twice", "name each suite once")
        if equals_sign and not Path(path).exists():
            raise InputError(f"no file or folder {path}", f"write {name}=PATH, or {name} alone for the hub's rows")
        suite_paths[name] = Path(path) if equals_sign else None
    return suite_paths


def _config(asking: Asking, paths: Mapping[str, Path | None], changes: list[str]) -> Config:
    reads = [name for name in paths if name != IFEVAL]
    if not asking.model and (reads or asking.outputs is None):
        raise ConfigError("no model is named", "give --model, or ifeval alone with --outputs")
    if asking.outputs is not None and IFEVAL not in paths:
        raise ConfigError("--outputs are answers to ifeval, which is not among the suites", "name ifeval too")
    config = with_changes(
        Config.model_validate({"model": {"name": asking.model}}) if asking.model else Config(), changes
    )
    if reads and not config.model.engine_spec.embedded:
        raise ConfigError(f"{', '.join(reads)}: needs the model here, not engine '{config.model.engine}'",
                          "name a folder, a package or a hub id; ifeval takes any engine")  # fmt: skip
    return config


def _rows(name: str, path: Path | None, asking: Asking) -> Rows:
    from humpback.evaluation.suites.harness import rows_of

    suite = SUITES[name]
    return rows_of(suite, read_suite(suite, path) if path else None, asking.limit, asking.seed)


def _read(rows: Mapping[str, Rows], asking: Asking, config: Config, results: _Results, how: How) -> Iterator[str]:
    """The suites that a model reads: a stage each, so that a kill costs the one in hand; the model is loaded once."""
    from humpback.evaluation.suites.harness import harness_version

    read_by = (harness_version(), config.model.dtype, str(asking.template))
    keys = {
        name: content_id(_VERSION, results.identity, name, suite_rows.digest, *read_by)
        for name, suite_rows in rows.items()
    }
    shared = _SharedReader(config)
    missing = [name for name in rows if not results.figures(name, keys[name])]
    plan = [_suite_stage(name, rows[name], shared, asking, keys[name]) for name in missing]

    def write(run: Run) -> list[str]:
        for name in missing:
            read = [_row(json.loads(stored.values)) for stored in run.stage(name).records(StoredRow)]
            facts: Values = {"rows_there": rows[name].total, "seed": asking.seed, "chat_template": asking.template}
            results.add(name, keys[name], figures(read, SUITES[name].metrics, asking.seed), read, facts)
        return []

    if plan:
        carry_out(Command(plan, config, asking.results, write, (), ()), how)
    for name, suite_rows in rows.items():
        yield from _sample_note(name, suite_rows.count, suite_rows.total, asking.seed)
        # Subjects are in the file: 57 of them would hide the rest.
        overall = [figure for figure in results.figures(name, keys[name]) if not figure.group or name == "crows_pairs"]
        yield from lines(name, overall)


@dataclass(frozen=True, slots=True)
class StoredRow:
    """One row of a suite as the work folder keeps it."""

    id: str
    values: str
    """`Row.values()` as JSON."""


def _suite_stage(name: str, rows: Rows, shared: _SharedReader, asking: Asking, key: str) -> Stage:
    def measure(inputs: Inputs, part: int) -> Outcome[StoredRow]:
        from humpback.evaluation.suites.harness import read

        checked_rows = read(SUITES[name], rows, shared.reader(), template=asking.template)
        stored = tuple(StoredRow(f"{row.task}#{row.number}", json.dumps(row.values())) for row in checked_rows)
        return Outcome(stored, (), len(stored))

    work = one_shard(measure)
    return Stage(name, f"read {rows.count} rows of {name}", (), {"key": key}, work, StoredRow, model=True)


class _SharedReader:
    """The harness's model, loaded when the first suite asks for it and kept for the others."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._reader: Reader | None = None

    def reader(self) -> Reader:
        from humpback.evaluation.suites.harness import Reader

        if self._reader is None:
            self._reader = Reader(models.resolve(self._config.model).path, self._config.model)
        return self._reader


def _row(values: dict[str, Any]) -> Row:
    metrics = {name: tuple(parts) for name, parts in values["metrics"].items()}
    return Row(values["task"], values["number"], metrics, values["group"], tuple(values["likelihoods"]))


def _follow(
    tasks: Sequence[ifeval.Task], asking: Asking, changes: list[str], results: _Results, how: How
) -> Iterator[str]:
    """IFEval: the model answers, unless answers are given, and the harness checks."""
    from humpback.evaluation.suites.harness import harness_version

    drawn = list(tasks)
    if asking.limit is not None and asking.limit < len(tasks):
        draw = random.Random(record_rng_seed(asking.seed, "suites", IFEVAL))  # noqa: S311
        positions = draw.sample(range(len(tasks)), asking.limit)
        drawn = [tasks[position] for position in sorted(positions)]
    yield from _sample_note(IFEVAL, len(drawn), len(tasks), asking.seed)
    answers_by_prompt = _outputs_by_prompt(asking.outputs) if asking.outputs else {}
    read_from = (repr(drawn), repr(sorted(answers_by_prompt.items())))
    key = content_id(_VERSION, results.identity, *read_from, harness_version())
    if stored_figures := results.figures(IFEVAL, key):
        yield from lines(IFEVAL, stored_figures)
        return
    if asking.outputs is None:
        answers = asking.results.with_name(f"{asking.results.stem}-ifeval.json")
        yield from _answer(drawn, answers, asking, changes, how)
        answers_by_prompt = _outputs_by_prompt(answers)
    if not answers_by_prompt.keys() & {task.prompt for task in drawn}:
        raise InputError(f"{asking.outputs} answers none of IFEval's prompts", "give the answers to these prompts")
    if silent := sum(task.prompt not in answers_by_prompt for task in drawn):
        yield f"{silent} of {len(drawn)} prompts have no answer: they count as not followed"
    checked_rows = ifeval.check(drawn, answers_by_prompt)
    shares = figures(checked_rows, ifeval.METRICS, asking.seed)
    kinds: Values = {
        kind: {"asked": instructions, "strict": strict, "loose": loose}
        for kind, (instructions, strict, loose) in ifeval.by_kind(drawn, checked_rows).items()
    }
    facts: Values = {"rows_there": len(tasks), "seed": asking.seed, "kinds": kinds}
    results.add(IFEVAL, key, shares, checked_rows, facts)
    yield from lines(IFEVAL, shares)


def _outputs_by_prompt(path: Path) -> dict[str, str]:
    return {output.instruction: output.output for output in read_outputs(path)}


def _answer(tasks: Sequence[ifeval.Task], outputs: Path, asking: Asking, changes: list[str], how: How) -> list[str]:
    with tempfile.TemporaryDirectory(prefix="humpback-") as folder:
        prompts = Path(folder) / "ifeval.jsonl"
        prompts.write_text("".join(json.dumps({"prompt": t.prompt}) + "\n" for t in tasks), encoding="utf-8")
        answering = Answering(asking.seed, _LONGEST_ANSWER, 0.0)
        changes = ["model.max_tokens=2048", *changes]
        return answer_files(prompts, asking.model, outputs, "", answering, changes, how)


def _sample_note(name: str, count: int, total: int, seed: int) -> Iterator[str]:
    if count < total:
        yield f"{name}: {count} of {total} rows, drawn with seed {seed}"


class _Results:
    """The results file: what is in it already, and what is added.

    Raises:
        InputError: It is not such a file, or another model's, and must not be overwritten.
    """

    def __init__(self, asking: Asking, config: Config, force: bool) -> None:
        self._path = asking.results
        self._force = force
        if asking.model:
            name, self.identity = asking.model, models.identify(config.model)
        else:
            names = {entry.generator for entry in read_outputs(asking.outputs)} if asking.outputs else set()
            name = self.identity = ", ".join(sorted(names))
        self._content: dict[str, Values] = {"model": {"name": name, "identity": self.identity}, "suites": {}}
        if not self._path.exists():
            return
        try:
            content = json.loads(self._path.read_text(encoding="utf-8"))
            known_identity = content["model"]["identity"]
            dict(content["suites"])
        except (OSError, ValueError, KeyError, TypeError):
            if force:
                return
            raise InputError(f"{self._path} holds no results of suites", _ANOTHER) from None
        if known_identity == self.identity:
            self._content = content
        elif not force:
            raise InputError(f"{self._path} holds the results of {content['model']['name']}", _ANOTHER)

    def figures(self, name: str, key: str) -> list[Figure]:
        """The figures of a suite that was done on the same rows in the same way; none where it was not.

        Raises:
            InputError: It was done on other rows or in another way, and must not be overwritten.
        """
        entry = self._content["suites"].get(name)
        if not isinstance(entry, dict) or entry.get("key") != key:
            if entry is not None and not self._force:
                raise InputError(f"{self._path} holds {name} on other rows or settings", _ANOTHER)
            return []
        return [
            Figure(figure["metric"], figure["value"], Interval(figure["low"], figure["high"]), figure["interval"],
                   figure["rows"], figure["group"])
            for figure in entry["figures"]
        ]  # fmt: skip

    def add(self, name: str, key: str, shares: Sequence[Figure], rows: Sequence[Row], facts: Values) -> None:
        """Writes a suite: there whole or not at all."""
        values = {"figures": [figure.values() for figure in shares], "rows": [row.values() for row in rows]}
        self._content["suites"][name] = {"key": key, **facts, **values}
        write_json(self._path, self._content)
