"""The run folder: the only room that knows its layout.

    RUN/  config.yaml  plan.json  run.lock  log.jsonl  progress.json  report.html  export/
          decisions/<annotator>.jsonl  view/
          stages/<stage>/  started.json  part-00000.parquet ...  dropped/part-00000.parquet ...  ended/  manifest.json
          stages/<stage>/  started.json  work/  trained.json  model/  manifest.json        (a finetuned model)
          stages/<stage>/  started.json  work/seen/ settled/  part-... manifest.json       (what asks the whole set)

A shard is committed by one rename (or one put, on an object store), its drop ledger before it; a manifest is written
last. Whatever is there under its own name is therefore whole, and work that is there is never done again. The folder
may be anywhere that fsspec reaches.
"""

from humpback.runs.store.files import local_copy, local_output, path_of, read_json, remove, write_json, write_text
from humpback.runs.store.folder import MAX_ROWS, StageFolder, first_place, shard_of
from humpback.runs.store.run import Run

__all__ = [
    "MAX_ROWS",
    "Run",
    "StageFolder",
    "first_place",
    "local_copy",
    "local_output",
    "path_of",
    "read_json",
    "remove",
    "shard_of",
    "write_json",
    "write_text",
]
