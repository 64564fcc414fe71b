"""The curated set in every layout at once, streamed: no more than one row group of each is held."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import pyarrow as pa
import pyarrow.parquet as pq

from humpback.deliver.export.folder import whole_folder
from humpback.deliver.export.layouts import (
    LAYOUTS,
    PREFERENCE,
    PROVENANCE,
    Layout,
    Row,
    preference,
    provenance,
)
from humpback.errors import StageError
from humpback.records import Curated, Pair, Rating, Rewritten

ROW_GROUP = 1000

# Line separators that JSON allows in a string and that some readers of JSONL take for the end of a line.
_SEPARATORS = {ord(mark): f"\\u{ord(mark):04x}" for mark in "\u0085\u2028\u2029"}


def export_data(
    rows: Iterable[Curated],
    seed_pairs: Iterable[Pair],
    ratings: Callable[[str], Sequence[Rating]],
    dataset_folder: Path,
    card: str,
    heldout: Iterable[Pair] = (),
    rejected: Callable[[Curated], Sequence[str]] | None = None,
) -> None:
    """Writes the data set: one folder for each layout, with `train.parquet` and `train.jsonl`, and the card.

    Beside them lies `dataset_info.json`, by which LLaMA-Factory finds the data.

    Args:
        rows: The curated set.
        seed_pairs: The seed pairs that were trained on; they go into the layout 'training' alone, before the others.
        ratings: Gives the ratings of a row by its id, the earliest iteration first.
        dataset_folder: The data set's folder, which is made or replaced as a whole.
        card: Its README.md, from `data_card`.
        heldout: The seed pairs that no model was trained on: `validation.parquet` and `validation.jsonl`, where any.
        rejected: The other instructions of a row's passage, which were not kept: they make the folder 'preference'.

    Raises:
        StageError: There are no curated rows; nothing is written.
        StoreError: The folder cannot be written.
    """
    curated = 0
    with whole_folder(dataset_folder) as folder:
        with ExitStack() as stack:
            writers = [stack.enter_context(_LayoutWriter(folder, layout)) for layout in LAYOUTS]
            training = [writer for writer in writers if writer.layout.with_seed]
            preferences = stack.enter_context(_preferences(folder)) if rejected else None
            for pair in seed_pairs:
                _write(training, pair, provenance(id=pair.id, source=pair.source))
            for row in rows:
                beside = _provenance(row, ratings(row.id))
                _write(writers, row, beside)
                if rejected and preferences:
                    passage = row.original if isinstance(row, Rewritten) else row.response
                    for rejected_instruction in rejected(row):
                        preferences.add({**preference(passage, row.instruction, rejected_instruction), **beside})
                curated += 1
        if not curated:
            raise StageError("there are no curated pairs to export", "lower the threshold of curation or add documents")
        heldout_pairs = tuple(heldout)
        if heldout_pairs:
            _write_heldout(folder, heldout_pairs)
        (folder / "README.md").write_text(card, encoding="utf-8")
        index = json.dumps(_llama_factory(heldout=bool(heldout_pairs)), indent=2)
        (folder / "dataset_info.json").write_text(index + "\n", encoding="utf-8")


def _write_heldout(folder: Path, pairs: Sequence[Pair]) -> None:
    with ExitStack() as stack:
        writers = [stack.enter_context(_LayoutWriter(folder, layout, "validation")) for layout in LAYOUTS]
        for pair in pairs:
            _write(writers, pair, provenance(id=pair.id, source=pair.source))


def _llama_factory(*, heldout: bool) -> dict[str, object]:
    """What LLaMA-Factory reads of a data folder: its data sets by name, each with its file and columns."""
    columns = {"prompt": "instruction", "query": "input", "response": "output"}
    splits = {"humpback": "train", **({"humpback_validation": "validation"} if heldout else {})}
    return {name: {"file_name": f"alpaca/{split}.jsonl", "columns": columns} for name, split in splits.items()}


def _write(writers: Sequence[_LayoutWriter], pair: Pair | Curated, beside: Row) -> None:
    origin = pair.origin if isinstance(pair, Pair) else "augmented"
    for writer in writers:
        mark = {"origin": origin} if writer.layout.with_seed else {}
        writer.add({**writer.layout.texts(pair), **mark, **beside})


def _provenance(row: Curated, ratings: Sequence[Rating]) -> Row:
    rewritten = row if isinstance(row, Rewritten) and row.rewritten_by else None
    return provenance(
        id=row.id,
        source=row.source,
        document_id=row.document_id,
        segment_id=row.segment_id,
        title_path=row.title_path,
        backward_model=row.model,
        kept_in_iteration=row.iteration,
        score=row.score,
        scorer=row.scorer,
        rated_by=row.rated_by,
        rewritten_by=rewritten.rewritten_by if rewritten else None,
        original_response=rewritten.original if rewritten else None,
        ratings=ratings,
    )


class _Writer:
    """The two files of one split."""

    def __init__(self, folder: Path, schema: pa.Schema, split: str) -> None:
        self._schema = schema
        self._rows: list[Row] = []
        folder.mkdir(exist_ok=True)
        self._lines = (folder / f"{split}.jsonl").open("w", encoding="utf-8", newline="\n")
        self._parquet = pq.ParquetWriter(folder / f"{split}.parquet", self._schema, compression="zstd")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._flush()
        finally:
            self._lines.close()
            self._parquet.close()

    def add(self, row: Row) -> None:
        self._lines.write(json.dumps(row, ensure_ascii=False).translate(_SEPARATORS) + "\n")
        self._rows.append(row)
        if len(self._rows) >= ROW_GROUP:
            self._flush()

    def _flush(self) -> None:
        if self._rows:
            self._parquet.write_table(pa.Table.from_pylist(self._rows, schema=self._schema))
            self._rows.clear()


class _LayoutWriter(_Writer):
    """The two files of one split of a layout."""

    def __init__(self, folder: Path, layout: Layout, split: str = "train") -> None:
        self.layout = layout
        super().__init__(folder / layout.name, layout.columns, split)


def _preferences(folder: Path) -> _Writer:
    return _Writer(folder / "preference", pa.schema([*PREFERENCE, *PROVENANCE]), "train")
