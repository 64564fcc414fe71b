"""Memory and time of a training's data: a million tokenised pairs written, opened, ordered and read in steps.

The tokens are made up (a pair has 20 to 600 of them, 310 on average), so that this measures what holds them and not
the tokenizer, which is timed beside it on real pairs. The network is left out: its memory does not depend on the pairs.

    python benchmarks/tokens.py --examples 1000000 --pairs dolly15k.jsonl.gz
"""

from __future__ import annotations

import argparse
import json
import platform
import random
import resource
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from transformers import AutoTokenizer

from humpback import models, seed
from humpback.config import Config, ModelSettings, TagSettings, TrainSettings
from humpback.models.template import Example, Template
from humpback.training.examples import build_example
from humpback.training.schedule import order_of_examples, steps_and_batch
from humpback.training.step_rows import RowLayout, StepRows
from humpback.training.tokens import Rendered, open_tokens, write_tokens


def made_up(count: int) -> Iterator[Rendered]:
    """Examples of random tokens and lengths."""
    draw = random.Random(0)
    for _ in range(count):
        length = draw.randrange(20, 601)
        yield Rendered(Example(tuple(draw.choices(range(49_152), k=length)), length // 3), from_seed=True)


def own_mib() -> int:
    """Memory of this process that is its own: what is mapped from a file can be given back at any time."""
    with Path("/proc/self/status").open() as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) // 1024


def measure(count: int, folder: Path) -> dict[str, Any]:
    """The whole way of the data, with the memory after each part."""
    found: dict[str, Any] = {"examples": count, "own_mib_before": own_mib()}
    started = time.perf_counter()
    write_tokens(made_up(count), folder)
    found |= {"write_seconds": round(time.perf_counter() - started, 1), "own_mib_written": own_mib()}
    found["disk_mib"] = (folder / "tokens.arrow").stat().st_size >> 20
    tokens = open_tokens(folder)
    schedule = steps_and_batch(count, TrainSettings())
    started = time.perf_counter()
    order = order_of_examples(tokens.from_seed, schedule, 0)
    found |= {"steps": schedule.steps, "order_seconds": round(time.perf_counter() - started, 1)}
    found["own_mib_ordered"] = own_mib()
    steps = StepRows(tokens, order, schedule, RowLayout(True, 2048, 4, 0), 0)
    started, some = time.perf_counter(), min(500, schedule.steps)
    targets = sum(int(steps[index * (schedule.steps // some)]["targets"]) for index in range(some))
    found["milliseconds_per_step"] = round(1000 * (time.perf_counter() - started) / some, 1)
    found |= {"targets_read": targets, "own_mib_read": own_mib()}
    found["peak_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    return found


def rendering(pairs: str, model: str) -> dict[str, Any]:
    """How fast real pairs become tokens, on one core."""
    config = Config.model_validate({"seed": {"source": pairs, "limit": 2000}})
    read = seed.read_seed(config.seed, 0).kept
    template = Template(AutoTokenizer.from_pretrained(models.resolve(ModelSettings(name=model)).path))
    started = time.process_time()
    for pair in read:
        build_example(pair, "forward", template, TagSettings(), 1024)
    return {"pairs_rendered_per_cpu_second": round(len(read) / (time.process_time() - started))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--examples", type=int, default=1_000_000)
    parser.add_argument("--pairs", default="package:demo")
    parser.add_argument("--model", default="package:smollm2-135m-instruct")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = measure(arguments.examples, Path(folder))
    found |= rendering(arguments.pairs, arguments.model)
    found["machine"] = f"{platform.machine()}, Python {platform.python_version()}"
    for name, value in found.items():
        print(f"{name:32}{value}")
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
