"""distilabel's InstructionBacktranslation on pairs, with its own local engine; run by an interpreter that has it.

Started by benchmarks/curation_speed.py with a JSON file (folder of the model, pairs, most new tokens). Everything else
is as distilabel comes: its prompt, sampling, one pair at a time. Prints JSON: seconds, replies, how many had a score.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from importlib import metadata
from pathlib import Path

import torch
from distilabel.models.llms import TransformersLLM
from distilabel.steps.tasks import InstructionBacktranslation


def main() -> None:
    """Loads, warms up on one pair, rates the others."""
    spec = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    logging.disable(logging.ERROR)
    torch.set_num_threads(spec["threads"])
    llm = TransformersLLM(
        model=spec["model"], torch_dtype=spec["dtype"], generation_kwargs={"max_new_tokens": spec["new_tokens"]}
    )  # fmt: skip
    task = InstructionBacktranslation(llm=llm, name="rate")
    task.load()
    rows = [{"instruction": one, "generation": two} for one, two in spec["pairs"]]
    next(task.process(rows[:1]))
    wall, cpu = time.perf_counter(), os.times()
    found = next(task.process(rows))
    spent = os.times()
    replies = [str((row["distilabel_metadata"] or {}).get("raw_output_rate")) for row in found]
    versions = {name: metadata.version(name) for name in ("distilabel", "transformers", "torch")}
    print("RESULT " + json.dumps({
        "wall_s": time.perf_counter() - wall,
        "cpu_s": spent.user - cpu.user + spent.system - cpu.system,
        "pairs": len(found),
        "parsed": sum(row["score"] is not None for row in found),
        "written": sum(len(llm._pipeline.tokenizer.encode(reply)) for reply in replies),
        "replies": [reply[-80:] for reply in replies[:2]],
        "versions": versions,
    }))  # fmt: skip


if __name__ == "__main__":
    main()
