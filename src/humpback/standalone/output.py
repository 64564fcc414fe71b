"""What a command writes, and the note beside it that says what made it: nothing is overwritten by surprise.

Beside `ratings.jsonl` lies `.ratings.jsonl.made.json`: the recipe that made it, a digest of each file that was written,
and what the command printed. The same command finds its work done and says so; another one is refused, and told what
made the file, unless it is given `--force`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from humpback.errors import InputError, StoreError
from humpback.runs.recipe import Recipe, in_words
from humpback.runs.store import read_json, write_json

_ANOTHER = "choose another name, or overwrite it with --force"
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Output:
    """Files that a command writes together, or a model folder.

    Attributes:
        paths: What is written; the note lies beside the first.
        recipes: What decides it: every stage of the command's plan, then the files themselves.
    """

    paths: tuple[Path, ...]
    recipes: tuple[Recipe, ...]

    def refuse_inputs(self, inputs: Sequence[Path]) -> None:
        """Refuses to write what is read.

        Raises:
            InputError: A file is both read and written, or written twice.
        """
        written = [path.resolve() for path in self.paths]
        for path in inputs:
            if path.resolve() in written:
                raise InputError(f"{path} is read by this command and would be overwritten", "choose another name")
        if len(set(written)) < len(written):
            raise InputError(f"{self.paths[0]} would be written twice", "give each file a name of its own")

    def finished(self) -> list[str] | None:
        """What was printed when the same command wrote what is there; None where it did not, or not to its end."""
        note = self._note()
        if note is None or not note["complete"] or self._changes(note) or note["files"] != self._digests():
            return None
        return [*note["lines"], f"{self.paths[0]} is there already, made by the same command: nothing is done again"]

    def refuse_overwriting(self) -> None:
        """Refuses to overwrite what something else has made.

        Raises:
            StoreError: A file is there already; with what made it.
        """
        existing = next((path for path in self.paths if path.exists()), None)
        if existing is None:
            return
        note = self._note()
        if note is None:
            raise StoreError(f"{existing} is there already, and nothing says what made it", _ANOTHER)
        if changes := self._changes(note):
            raise StoreError(f"{existing} is there already, made with other settings: {in_words(changes)}", _ANOTHER)
        if note["files"] != self._digests():
            raise StoreError(f"{existing} is there already, and was changed after it was written", _ANOTHER)

    def note(self, lines: Sequence[str], *, complete: bool) -> None:
        """Says beside the files what made them, and whether the same command has nothing left to do."""
        if self.paths:
            recipes = [{**asdict(recipe), "fingerprint": recipe.fingerprint} for recipe in self.recipes]
            facts = {"recipes": recipes, "files": self._digests(), "lines": list(lines), "complete": complete}
            write_json(self._note_path, facts)

    @property
    def _note_path(self) -> Path:
        return self.paths[0].with_name(f".{self.paths[0].name}.made.json")

    def _note(self) -> dict[str, Any] | None:
        try:
            note = read_json(self._note_path) if self.paths else None
        except ValueError:
            return None
        return note if note is not None and {"recipes", "files", "lines", "complete"} <= set(note) else None

    def _changes(self, note: Mapping[str, Any]) -> list[str]:
        """In what the recipe of what is there differs from this one, from the first stage that does."""
        before = {recipe["stage"]: recipe for recipe in note["recipes"]}
        for recipe in self.recipes:
            old = before.get(recipe.stage)
            if old is None:
                return [f"it has the stages {', '.join(before)}"]
            if old["fingerprint"] != recipe.fingerprint:
                return recipe.changes_since(old)
        return []

    def _digests(self) -> dict[str, str]:
        return {path.name: _digest(path) for path in self.paths if path.exists()}


def _digest(path: Path) -> str:
    """Of a file its content; of a model folder the names and sizes of its files, which are many gigabytes."""
    digest = hashlib.blake2b(digest_size=16)
    if path.is_dir():
        for file in sorted(file for file in path.rglob("*") if file.is_file()):
            digest.update(f"{file.relative_to(path)} {file.stat().st_size}\n".encode("utf-8", "surrogateescape"))
        return digest.hexdigest()
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
