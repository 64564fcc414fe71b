"""Suites without a judge on one model: files or the hub in, a table and a JSON file out.

Each suite is written as soon as it is done, with every row, and is not done again by the same command: it goes on after
a kill, and suites can be added to a file later.
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
from typing import TYPE_CHECKING

from humpback import models
from humpback.config import Config
from humpback.data_access.rows import Values
from humpback.errors import ConfigError, InputError
from humpback.evaluate.answers import Answering
from humpback.evaluate.comparisons import read_outputs, write_json
from humpback.evaluate.suites import ifeval
from humpback.evaluate.suites.catalogue import IFEVAL, SUITES, known
from humpback.evaluate.suites.files import read_suite
from humpback.evaluate.suites.results import Figure, Row, figures, lines
from humpback.method.settings_file import with_changes
from humpback.records import content_id, record_rng_seed
from humpback.standalone.measures import answer_files
from humpback.statistics.intervals import Interval

if TYPE_CHECKING:
    from humpback.evaluate.suites.harness import Rows

_VERSION = "1"
"""Part of what decides whether a suite is done again: raised when the same rows would give other figures."""

_PACKAGES = ("lm_eval", "langdetect", "nltk", "punkt")
_LONGEST_ANSWER = 1280
"""Tokens, as in the harness's own task; it is greedy too."""


@dataclass(frozen=True, slots=True)
class Asking:
    """What to measure, and how.

    Attributes:
        suites: 'NAME' for the hub's rows, 'NAME=PATH' for those of a file or folder.
        model: The model; may be empty where `outputs` are checked alone.
        outputs: Answers to IFEval's prompts that are there already.
        out: File for figures and rows.
        limit: Most rows of a suite; a seeded sample where there are more.
        seed: Of everything drawn at random.
        template: Put questions into the model's chat template.
    """

    suites: tuple[str, ...]
    model: str
    outputs: Path | None
    out: Path
    limit: int | None = None
    seed: int = 0
    template: bool = False


def suite_lines(asking: Asking, changes: list[str]) -> Iterator[str]:
    """Measures a model on suites and writes figures and rows; lines of a table.

    Raises:
        ConfigError: A suite is not known, or a package or a model is missing.
        InputError: A file is missing or not a suite's; or the results there are another model's.
    """
    if missing := [name for name in _PACKAGES if importlib.util.find_spec(name) is None]:
        raise ConfigError(f"suites need {', '.join(missing)}", "pip install 'humpback-align[suites]'")
    if not sys.stderr.isatty():
        os.environ.setdefault("TQDM_DISABLE", "1")  # the harness draws its bars wherever it runs
    wanted = _wanted(asking.suites)
    config = _config(asking, wanted, changes)
    done = _Done(asking, config)
    # Every file is read before a model is made ready: a wrong name costs seconds.
    tasks = ifeval.read_tasks(wanted[IFEVAL]) if IFEVAL in wanted else []
    rows = {name: _rows(name, path, asking) for name, path in wanted.items() if name != IFEVAL}
    yield from _read(rows, asking, config, done)
    if IFEVAL in wanted:
        yield from _follow(tasks, asking, changes, done)
    yield f"wrote {asking.out}"


def _wanted(suites: Sequence[str]) -> dict[str, Path | None]:
    found: dict[str, Path | None] = {}
    for suite in suites:
        name, given, path = suite.partition("=")
        if known(name) in found:
            raise ConfigError(f"{name} is named twice", "name each suite once")
        if given and not Path(path).exists():
            raise InputError(f"no file or folder {path}", f"write {name}=PATH, or {name} alone for the hub's rows")
        found[name] = Path(path) if given else None
    return found


def _config(asking: Asking, wanted: Mapping[str, Path | None], changes: list[str]) -> Config:
    reads = [name for name in wanted if name != IFEVAL]
    if not asking.model and (reads or asking.outputs is None):
        raise ConfigError("no model is named", "give --model, or ifeval alone with --outputs")
    if asking.outputs is not None and IFEVAL not in wanted:
        raise ConfigError("--outputs are answers to ifeval, which is not among the suites", "name ifeval too")
    config = with_changes(
        Config.model_validate({"model": {"name": asking.model}}) if asking.model else Config(), changes
    )
    if reads and not config.model.engine_spec.embedded:
        raise ConfigError(f"{', '.join(reads)}: needs the model here, not engine '{config.model.engine}'",
                          "name a folder, a package or a hub id; ifeval takes any engine")  # fmt: skip
    return config


def _rows(name: str, path: Path | None, asking: Asking) -> Rows:
    from humpback.evaluate.suites.harness import rows_of

    suite = SUITES[name]
    return rows_of(suite, read_suite(suite, path) if path else None, asking.limit, asking.seed)


def _read(rows: Mapping[str, Rows], asking: Asking, config: Config, done: _Done) -> Iterator[str]:
    """The suites that a model reads; it is loaded once, and only where one is left to do."""
    from humpback.evaluate.suites.harness import Reader, harness_version, read

    reader: Reader | None = None
    for name, given in rows.items():
        how = (harness_version(), config.model.dtype, str(asking.template))
        key = content_id(_VERSION, done.identity, name, given.digest, *how)
        yield from _drawn(name, given.count, given.total, asking.seed)
        if not (found := done.figures(name, key)):
            reader = reader or Reader(models.resolve(config.model).path, config.model)
            made = read(SUITES[name], given, reader, template=asking.template)
            found = figures(made, SUITES[name].metrics, asking.seed)
            about: Values = {"rows_there": given.total, "seed": asking.seed, "chat_template": asking.template}
            done.add(name, key, found, made, about)
        # Subjects are in the file: 57 of them would hide the rest.
        yield from lines(name, [one for one in found if not one.group or name == "crows_pairs"])


def _follow(tasks: Sequence[ifeval.Task], asking: Asking, changes: list[str], done: _Done) -> Iterator[str]:
    """IFEval: the model answers, unless answers are given, and the harness checks."""
    from humpback.evaluate.suites.harness import harness_version

    drawn = list(tasks)
    if asking.limit is not None and asking.limit < len(tasks):
        places = random.Random(record_rng_seed(asking.seed, "suites", IFEVAL)).sample(range(len(tasks)), asking.limit)  # noqa: S311
        drawn = [tasks[place] for place in sorted(places)]
    yield from _drawn(IFEVAL, len(drawn), len(tasks), asking.seed)
    given = {one.instruction: one.output for one in read_outputs(asking.outputs)} if asking.outputs else {}
    key = content_id(_VERSION, done.identity, repr(drawn), repr(sorted(given.items())), harness_version())
    if found := done.figures(IFEVAL, key):
        yield from lines(IFEVAL, found)
        return
    if asking.outputs is None:
        answers = asking.out.with_name(f"{asking.out.stem}-ifeval.json")
        yield from _answer(drawn, answers, asking, changes)
        given = {one.instruction: one.output for one in read_outputs(answers)}
    if not given.keys() & {task.prompt for task in drawn}:
        raise InputError(f"{asking.outputs} answers none of IFEval's prompts", "give the answers to these prompts")
    if silent := sum(task.prompt not in given for task in drawn):
        yield f"{silent} of {len(drawn)} prompts have no answer: they count as not followed"
    made = ifeval.check(drawn, given)
    found = figures(made, ifeval.METRICS, asking.seed)
    kinds: Values = {
        kind: {"asked": asked, "strict": strict, "loose": loose}
        for kind, (asked, strict, loose) in ifeval.by_kind(drawn, made).items()
    }
    done.add(IFEVAL, key, found, made, {"rows_there": len(tasks), "seed": asking.seed, "kinds": kinds})
    yield from lines(IFEVAL, found)


def _answer(tasks: Sequence[ifeval.Task], out: Path, asking: Asking, changes: list[str]) -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="humpback-") as folder:
        prompts = Path(folder) / "ifeval.jsonl"
        prompts.write_text("".join(json.dumps({"prompt": t.prompt}) + "\n" for t in tasks), encoding="utf-8")
        how = Answering(asking.seed, _LONGEST_ANSWER, 0.0)
        yield from answer_files(prompts, asking.model, out, "", how, ["model.max_tokens=2048", *changes])


def _drawn(name: str, count: int, total: int, seed: int) -> Iterator[str]:
    if count < total:
        yield f"{name}: {count} of {total} rows, drawn with seed {seed}"


class _Done:
    """The results file: what is in it already, and what is added.

    Raises:
        InputError: It is not such a file, or another model's.
    """

    def __init__(self, asking: Asking, config: Config) -> None:
        self._path = asking.out
        if asking.model:
            name, self.identity = asking.model, models.identify(config.model)
        else:
            names = {one.generator for one in read_outputs(asking.outputs)} if asking.outputs else set()
            name = self.identity = ", ".join(sorted(names))
        self._content: dict[str, Values] = {"model": {"name": name, "identity": self.identity}, "suites": {}}
        if not self._path.exists():
            return
        try:
            content = json.loads(self._path.read_text(encoding="utf-8"))
            known_identity = content["model"]["identity"]
            dict(content["suites"])
        except (OSError, ValueError, KeyError, TypeError):
            raise InputError(f"{self._path} holds no results of suites", "choose another --out") from None
        if known_identity != self.identity:
            raise InputError(f"{self._path} holds the results of {content['model']['name']}", "choose another --out")
        self._content = content

    def figures(self, name: str, key: str) -> list[Figure]:
        """The figures of a suite that was done on the same rows in the same way; none where it was not."""
        entry = self._content["suites"].get(name)
        if not isinstance(entry, dict) or entry.get("key") != key:
            return []
        return [
            Figure(one["metric"], one["value"], Interval(one["low"], one["high"]), one["interval"], one["rows"],
                   one["group"])
            for one in entry["figures"]
        ]  # fmt: skip

    def add(self, name: str, key: str, found: Sequence[Figure], rows: Sequence[Row], about: Values) -> None:
        """Writes a suite: there whole or not at all."""
        values = {"figures": [one.values() for one in found], "rows": [row.values() for row in rows]}
        self._content["suites"][name] = {"key": key, **about, **values}
        write_json(self._path, self._content)
