"""How fast `humpback view` is at many candidates, and what memory it takes.

A run is made up: segments, candidates, two iterations of ratings and selections, with texts of usual length. Then the
index is built in a process of its own, and pages are asked for as a browser does.

    python benchmarks/view.py --candidates 500000 --out results/view.json
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import platform
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from itertools import accumulate
from pathlib import Path
from urllib.parse import urlencode

import psutil

from humpback.method.record import BaseModel, PlanRecord
from humpback.records import Candidate, Curated, Dropped, Outcome, Pair, Rating, Segment, content_id
from humpback.runs.store import Run

ROWS = 2000
FIRST = {
    "first page": "/0/list?kind=candidate",
    "by the first score": "/0/list?kind=candidate&sort=s0",
    "most useful": "/0/list?kind=candidate&sort=doubt",
    "a score and a length": "/0/list?kind=candidate&s1_min=4&length_max=900",
    "lowest first": "/0/list?kind=candidate&sort=log_probability&order=up",
    "a source": "/0/list?kind=candidate&source=docs%2Fguide-17.md",
    "a rare word": "/0/list?kind=candidate&q=word4999",
    "a frequent word": "/0/list?kind=candidate&q=word1",
    "two words": "/0/list?kind=candidate&q=word1+word7",
    "nothing decided": "/0/list?kind=candidate&decided=none",
    "page 9,000": "/0/list?kind=candidate&page=9000",
    "documents": "/0/list?kind=document",
    "dropped": "/0/list?kind=dropped",
    "what moved": "/moved",
    "what an iteration lost": "/moved?left=0:ratings-1&right=0:ratings-2&move=lost",
}


def make_run(folder: Path, count: int) -> Run:
    """A run of made-up records."""
    run, draw = Run(folder), random.Random(0)
    base = BaseModel("made-up", "made-up", "", "", "")
    names = ("seed", "segments", "candidates", "ratings-1", "curated-1", "ratings-2", "curated-2")
    plan = PlanRecord(
        names,
        "seed",
        "segments",
        ("segments",),
        "backward",
        "candidates",
        ("forward-0",),
        ("ratings-1", "ratings-2"),
        ("curated-1", "curated-2"),
        "",
        "rating",
        base,
        "s",
        ("docs",),
    )
    folder.mkdir(parents=True)
    run.config_path.write_text("{}\n")
    run.save_plan(asdict(plan))
    for name in names:
        (run.stage(name).path / "dropped").mkdir(parents=True)
    commit(run, "seed", 0, [Pair(f"s{n}", f"Question {n}?", f"Answer {n}.", "seed", "seed.jsonl") for n in range(100)])
    for shard in range(-(-count // ROWS)):
        make_shard(run, shard, min(ROWS, count - shard * ROWS), draw)
    return run


def make_shard(run: Run, shard: int, rows: int, draw: random.Random) -> None:
    """One shard of each stage."""
    # Word frequencies as in a language: the n-th most frequent one is about 1/n as frequent as the first.
    words, odds = [f"word{n}" for n in range(1, 20_001)], list(accumulate(1 / n for n in range(1, 20_001)))
    segments, candidates = [], []
    ratings: tuple[list[Rating], list[Rating]] = ([], [])
    for row in range(rows):
        number = shard * ROWS + row
        text = " ".join(draw.choices(words, cum_weights=odds, k=draw.randint(60, 180)))
        source, title = f"docs/guide-{number // 40}.md", ("Guide", f"Part {number}")
        segments.append(Segment(content_id(text), content_id(source), source, title, text, "en"))
        instruction = f"Explain {' '.join(draw.choices(words, cum_weights=odds, k=12))}?"
        id_ = content_id(instruction, text)
        candidates.append(Candidate(id_, segments[-1].id, segments[-1].document_id, source, title, instruction, text,
                                    "made-up", -draw.random(), draw.random()))  # fmt: skip
        for iteration in (1, 2):
            score = round(draw.uniform(1, 5), 3)
            ratings[iteration - 1].append(Rating(id_, iteration, "rating", "made-up", "scored", score, "", "stop"))
    commit(run, "segments", shard, segments)
    commit(run, "candidates", shard, candidates)
    for iteration in (1, 2):
        rated = ratings[iteration - 1]
        commit(run, f"ratings-{iteration}", shard, rated)
        kept = [Curated(c.id, c.segment_id, c.document_id, c.source, c.title_path, c.instruction, c.response, c.model,
                        r.score or 0, iteration, "rating", "made-up")
                for c, r in zip(candidates, rated, strict=True) if (r.score or 0) >= 4]  # fmt: skip
        gone = [Dropped(r.id, "below the threshold", f"score {r.score}", "", "") for r in rated if (r.score or 0) < 4]
        run.stage(f"curated-{iteration}").commit(
            shard, Outcome(tuple(kept), tuple(gone), len(kept) + len(gone)), Curated, 0
        )


def commit(run: Run, stage: str, shard: int, records: Sequence[object]) -> None:
    """Writes one shard."""
    run.stage(stage).commit(shard, Outcome(tuple(records), (), len(records)), type(records[0]), 0)


def build(folder: str) -> None:
    """Builds the index in this process and prints seconds and memory."""
    from humpback.view.index import Index

    start = time.perf_counter()
    Index(Run(Path(folder)))
    seconds, used = time.perf_counter() - start, time.process_time()
    print(json.dumps({"seconds": round(seconds, 1), "processor_seconds": round(used, 1), "mib": peak_mib()}))


def peak_mib() -> int:
    """The most memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10


class Page:
    """The page, served by a process of its own."""

    def __init__(self, folder: Path) -> None:
        command = [sys.executable, "-m", "humpback", "view", str(folder), "--port", "0", "--annotator", "bench"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        link = self.process.stdout.readline().split()[1]
        self.host, _, path = link.removeprefix("http://").partition("/")
        self.cookie = ""
        self.cookie = self.ask("GET", f"/{path}")[1].split(";")[0]

    def ask(self, method: str, path: str, **fields: str) -> tuple[float, str]:
        """Seconds until the whole answer is there, and the cookie or the place that it sends."""
        connection = http.client.HTTPConnection(self.host)
        headers = {"Cookie": self.cookie, "Origin": f"http://{self.host}"}
        start = time.perf_counter()
        connection.request(method, path, urlencode(fields), headers)
        answer = connection.getresponse()
        answer.read()
        seconds = time.perf_counter() - start
        assert answer.status in (200, 303), (path, answer.status)
        return seconds, answer.getheader("set-cookie") or answer.getheader("location") or ""

    def mib(self) -> int:
        """The most memory that it has had."""
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(text.split("VmHWM:")[1].split()[0]) >> 10


def main() -> None:
    """Measures, and writes the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--candidates", type=int, default=500_000)
    parser.add_argument("--folder", type=Path, help="Where the run is made, or is already.")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--build", help="Only build the index of this run.")
    arguments = parser.parse_args()
    if arguments.build:
        build(arguments.build)
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary) / "run"
        run = Run(folder) if folder.exists() else make_run(folder, arguments.candidates)
        id_ = next(run.stage("candidates").column("id"))
        built = subprocess.run([sys.executable, __file__, "--build", str(folder)], capture_output=True, text=True)
        assert built.returncode == 0, built.stderr
        page = Page(folder)
        first, fields = {}, {"kind": "candidate", "s1_max": "1.08"}
        process = psutil.Process(page.process.pid)
        for name, path in {**FIRST, "a record": f"/0/record/candidate/{id_}"}.items():
            before = process.cpu_times()
            seconds = sorted(page.ask("GET", path)[0] for _ in range(5))
            used = sum(process.cpu_times()[:2]) - sum(before[:2])
            first[name] = {"median_ms": round(1000 * seconds[2]), "processor_ms": round(200 * used)}
        writing = {"queue of all": page.ask("POST", "/0/queue", kind="candidate", sort="doubt"),
                   "reject about 10,000": page.ask("POST", "/0/bulk", **fields, verdict="reject", back="/"),
                   "undo": page.ask("POST", "/0/undo", back="/")}  # fmt: skip
        index = sum(path.stat().st_size for path in run.view_path.iterdir())
        figures = {
            "candidates": arguments.candidates, "machine": f"{platform.machine()}, {os.cpu_count()} cores",
            "load": psutil.getloadavg()[0], "index": json.loads(built.stdout) | {"disk_mib": index >> 20},
            "pages": first, "writing_ms": {name: round(1000 * seconds) for name, (seconds, _) in writing.items()},
            "server_mib": page.mib(),
        }  # fmt: skip
        page.process.terminate()
    print(json.dumps(figures, indent=1))
    if arguments.out:
        arguments.out.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
