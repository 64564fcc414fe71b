"""What people decided of candidates: approved, rejected, mended. `humpback view` writes it, selection and export obey.

Each annotator has a file to which lines are added and nothing else; each line is on the disk before the page answers.
A line says what one action changed of one record, or that an action is undone or done again:

    {"at": "...", "by": "anna", "act": "5f...", "id": "<record>", "verdict": "reject", "note": "..."}
    {"at": "...", "by": "anna", "act": "77...", "undo": "5f..."}

Files can be merged by git or joined by `cat`: a line counts once, and for the annotator that it names.
"""

from __future__ import annotations

import json
import os
import re
import secrets
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from humpback.errors import InputError
from humpback.records import Candidate, content_id

Verdict = Literal["", "approve", "reject"]
_NAME = re.compile(r"\w[\w .@-]{0,39}")
_VERDICTS = ("", "approve", "reject")


@dataclass(frozen=True, slots=True)
class Opinion:
    """What one annotator thinks of one record."""

    verdict: Verdict = ""
    instruction: str | None = None
    """As the annotator mended it; None where it stays as it is."""
    response: str | None = None
    tags: tuple[str, ...] = ()
    note: str = ""

    @property
    def edited(self) -> bool:
        """Whether a text is mended."""
        return (self.instruction, self.response) != (None, None)


@dataclass(frozen=True, slots=True)
class Ruling:
    """What holds for one record, by all annotators together."""

    verdict: Verdict
    """What most of them say; empty where as many approve as reject, or none says anything."""
    instruction: str | None
    """As the last one mended it of those who do not reject the record."""
    response: str | None
    by: str
    """Who said so."""

    @property
    def edited(self) -> bool:
        """Whether a text is mended."""
        return (self.instruction, self.response) != (None, None)

    def applied(self, candidate: Candidate) -> Candidate:
        """The candidate with its mended texts; it keeps its id."""
        instruction = candidate.instruction if self.instruction is None else self.instruction
        response = candidate.response if self.response is None else self.response
        return replace(candidate, instruction=instruction, response=response)


@dataclass(slots=True)
class _Annotator:
    history: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    """For each record what each action changed, in order."""
    acts: dict[str, list[str]] = field(default_factory=dict)
    """For each action its records, in order."""
    undone: list[str] = field(default_factory=list)
    """Actions that do not count, in the order in which they were undone."""
    last: dict[str, str] = field(default_factory=dict)
    """For each record when it was last changed."""


class Decisions:
    """The decisions of all annotators on one run.

    Args:
        path: The folder of their files, whether or not it is there, or one file; None where none can be written.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._annotators: dict[str, _Annotator] = {}
        self._read: dict[Path, tuple[int, int]] = {}
        self.changed: set[tuple[str, str]] = set()
        """Annotator and record of what is new; whoever follows them empties it."""
        self.refresh()

    @staticmethod
    def check_name(annotator: str) -> None:
        """Refuses a name that cannot be the name of a file.

        Raises:
            InputError: It is one.
        """
        if not _NAME.fullmatch(annotator):
            raise InputError(
                f"{annotator!r} cannot be the name of an annotator", "use letters, digits, '.', '-' or '_'"
            )

    @property
    def annotators(self) -> list[str]:
        """Who has decided anything."""
        return sorted(self._annotators)

    def refresh(self) -> None:
        """Reads what was added since, by this process or another.

        Raises:
            InputError: A line is none of a file of decisions.
        """
        path = self.path or Path(os.devnull, "none")
        files = sorted(path.glob("*.jsonl")) if path.is_dir() else [path] if path.exists() else []
        stats = {path: path.stat() for path in files}
        # A file that was not only added to is another one, as after a merge by git: all is read anew.
        if any(path not in stats or stats[path].st_ino != inode or stats[path].st_size < offset
               for path, (inode, offset) in self._read.items()):  # fmt: skip
            self.changed |= {(name, id_) for name, who in self._annotators.items() for id_ in who.history}
            self._annotators, self._read = {}, {}
        lines = [line for path in files if stats[path].st_size > self._offset(path) for line in self._new_lines(path)]
        for line in sorted(lines, key=lambda line: str(line["at"])):
            self._take(line)

    def opinion(self, annotator: str, record_id: str) -> Opinion:
        """What an annotator thinks of a record."""
        who = self._annotator(annotator)
        merged: dict[str, Any] = {}
        for act, changes in who.history.get(record_id, {}).items():
            if act not in who.undone:
                merged |= changes
        return Opinion(**merged)

    def opinions(self, record_id: str) -> dict[str, Opinion]:
        """What each annotator thinks who thinks anything of the record."""
        everyone = ((name, self.opinion(name, record_id)) for name in self._annotators)
        return {name: opinion for name, opinion in everyone if opinion != Opinion()}

    def decided(self, annotator: str) -> dict[str, Verdict]:
        """The verdicts of an annotator, by record."""
        opinions = {id_: self.opinion(annotator, id_) for id_ in self._annotator(annotator).history}
        return {id_: opinion.verdict for id_, opinion in opinions.items() if opinion.verdict}

    def record(self, annotator: str, ids: Iterable[str], changes: Mapping[str, Any]) -> None:
        """Writes one action down, on one record or many: fields of `Opinion` with their new values.

        Raises:
            InputError: A value is wrong, or the file cannot be written.
        """
        act = secrets.token_hex(6)
        self._append(annotator, [{"act": act, "id": id_, **_checked_changes(changes)} for id_ in ids])

    def undo(self, annotator: str) -> bool:
        """Takes the last action back that counts; False where there is none."""
        who = self._annotator(annotator)
        act = next((act for act in reversed(who.acts) if act not in who.undone), None)
        return act is not None and self._append(annotator, [{"act": secrets.token_hex(6), "undo": act}])

    def redo(self, annotator: str) -> bool:
        """Does the action again that was undone last; False where there is none, or another came after it."""
        who = self._annotator(annotator)
        acts = list(who.acts)
        if not who.undone or any(act not in who.undone for act in acts[acts.index(who.undone[-1]) :]):
            return False
        return self._append(annotator, [{"act": secrets.token_hex(6), "redo": who.undone[-1]}])

    def rulings(self) -> dict[str, Ruling]:
        """What holds for each record that anybody decided on."""
        ids = sorted({id_ for who in self._annotators.values() for id_ in who.history})
        return {id_: ruling for id_ in ids if (ruling := self._ruling(id_)) is not None}

    def _offset(self, path: Path) -> int:
        return self._read.get(path, (0, 0))[1]

    def _annotator(self, annotator: str) -> _Annotator:
        return self._annotators.get(annotator, _Annotator())

    def _ruling(self, record_id: str) -> Ruling | None:
        opinions = self.opinions(record_id)
        counts = Counter(opinion.verdict for opinion in opinions.values())
        balance = counts["approve"] - counts["reject"]
        verdict: Verdict = "approve" if balance > 0 else "reject" if balance < 0 else ""
        instruction = response = None
        for name in sorted(opinions, key=lambda name: self._annotators[name].last[record_id]):
            if (opinion := opinions[name]).verdict != "reject":
                instruction = opinion.instruction or instruction
                response = opinion.response or response
        ruling = Ruling(verdict, instruction, response, ", ".join(sorted(opinions)))
        return ruling if verdict or ruling.edited else None

    def _append(self, annotator: str, lines: Sequence[Mapping[str, Any]]) -> bool:
        self.check_name(annotator)
        if self.path is None:
            raise InputError("this run is not on this machine, and decisions can be written to a local folder only",
                             "copy the run folder to this machine and open the copy")  # fmt: skip
        self.refresh()
        written_at = datetime.now(UTC).isoformat(timespec="microseconds")
        rows = [{"at": written_at, "by": annotator, **line} for line in lines]
        append_rows(self.path / f"{annotator}.jsonl", rows)
        self.refresh()
        return True

    def _new_lines(self, path: Path) -> Iterator[dict[str, Any]]:
        with path.open("rb") as file:
            start = file.seek(self._offset(path))
            content, inode = file.read(), os.fstat(file.fileno()).st_ino
        whole_lines = content[: content.rfind(b"\n") + 1]  # what a kill cut short is no line yet
        self._read[path] = inode, start + len(whole_lines)
        for text in filter(None, whole_lines.split(b"\n")):
            try:
                line = json.loads(text)
            except ValueError:
                if text.startswith(b"{"):  # cut short by a kill, and gone on behind it
                    continue
                line = None
            if not isinstance(line, dict) or not {"at", "by", "act"} <= line.keys():
                raise InputError(f"{path} holds a line that is no decision: {text[:60].decode(errors='replace')!r}",
                                 "take it out, or give what 'humpback view' wrote")  # fmt: skip
            yield line

    def _take(self, line: Mapping[str, Any]) -> None:
        who = self._annotators.setdefault(str(line["by"]), _Annotator())
        act = str(line["act"])
        if "id" not in line:
            target = str(line.get("undo") or line.get("redo"))
            if "undo" in line and target in who.acts and target not in who.undone:
                who.undone.append(target)
            elif "redo" in line and target in who.undone:
                who.undone.remove(target)
            self.changed |= {(str(line["by"]), id_) for id_ in who.acts.get(target, ())}
            return
        record_id = str(line["id"])
        if act in who.history.get(record_id, {}):
            return  # a merge brought the line twice
        names = {item.name for item in fields(Opinion)}
        who.history.setdefault(record_id, {})[act] = _checked_changes({k: v for k, v in line.items() if k in names})
        who.acts.setdefault(act, []).append(record_id)
        who.last[record_id] = str(line["at"])
        self.changed.add((str(line["by"]), record_id))


def read_rulings(path: str) -> dict[str, Ruling]:
    """What people decided, from a folder of files or one; nothing where no path is given.

    Raises:
        InputError: There is nothing at the path, or a file holds something else.
    """
    if path and not Path(path).exists():
        raise InputError(f"no decisions in {path}", "give the folder that 'humpback view' wrote, or one of its files")
    return Decisions(Path(path)).rulings() if path else {}


def is_decisions(path: Path) -> bool:
    """Whether a path is a folder that `humpback view` wrote."""
    first = next(path.glob("*.jsonl"), None) if path.is_dir() else None
    with suppress(OSError, ValueError):
        if first:
            with first.open(encoding="utf-8") as lines:
                return {"at", "by", "act"} <= json.loads(next(lines, "{}")).keys()
    return False


def rulings_digest(rulings: Mapping[str, Ruling]) -> str | None:
    """The identity of what was decided, whoever did; None where nothing was."""
    if not rulings:
        return None
    texts = [(id_, ruling.verdict, ruling.instruction, ruling.response) for id_, ruling in sorted(rulings.items())]
    return content_id(json.dumps(texts))


def append_rows(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Adds lines to a JSONL file; they are on the disk when this returns.

    Raises:
        InputError: The file cannot be written.
    """
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a+b") as file:
            if file.tell() and (file.seek(-1, os.SEEK_END), file.read(1))[1] != b"\n":  # a kill cut the last line short
                text = "\n" + text
            file.write(text.encode("utf-8", "surrogatepass"))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise InputError(f"cannot write {path} ({error.strerror})", "decide on a copy that you may write to") from None


def _checked_changes(changes: Mapping[str, Any]) -> dict[str, Any]:
    verdict, tags = changes.get("verdict", ""), changes.get("tags", ())
    texts = [text for name in ("instruction", "response") if (text := changes.get(name)) is not None]
    if verdict not in _VERDICTS or not all(isinstance(text, str) and text.strip() for text in texts):
        raise InputError("a decision has a verdict of approve or reject, and no empty text", "correct it")
    return {**changes, **({"tags": tuple(map(str, tags))} if "tags" in changes else {})}
