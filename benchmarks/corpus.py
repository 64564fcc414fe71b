"""From a web archive to clean, deduplicated text: humpback beside datatrove on the same archive and the same core.

Makes an archive with known near-duplicates and known damage (`make_warc.py`), or takes one with its side file, runs
`humpback segment` on it, and datatrove's own pipeline in its own environment where `--peer-python` names one. Each has
one worker (datatrove cannot share one archive between more) and is a process whose whole tree is measured. Where
datatrove stops at a damaged record, it gets a twin of the archive without damage, and so does humpback, for a
comparison on the same input. `--peer-fast` adds datatrove with the fast mode of its extractor.

    python benchmarks/corpus.py --pages 20000 --work scratch/ --peer-python peer/bin/python --json corpus.json
    python benchmarks/corpus.py --pages 2000 --sizes 1,4,16 --work scratch/ --json corpus_sizes.json

What counts as found is told in `planted/truth.py`: 'sections' are what humpback compares, 'whole pages' what datatrove
does; both are scored at the sections too, by the markers that are left in what they wrote.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import shutil
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pyarrow.parquet as pq
from planted.process import Cost, run
from planted.truth import Item, Truth, left_over, read_truth, score

HERE = Path(__file__).parent
PEER = HERE / "peers" / "datatrove_pipeline.py"
PACKAGES = ("humpback-align", "fastwarc", "resiliparse", "lxml", "pyarrow", "py3langid")
ONE_WORKER = "run.workers=1"

Result = dict[str, object]


@dataclass(frozen=True, slots=True)
class Bench:
    """Where archives and results lie, and what is run."""

    work: Path
    seed: int
    duplicates: float
    damage: int
    settings: tuple[str, ...]
    """NAME=VALUE, given to humpback."""
    peer_python: Path | None
    peer_fast: bool
    """Whether datatrove is also measured with its extractor's fast mode."""

    def archive(self, pages: int, damage: int) -> Path:
        """An archive of so many pages, made unless it is there."""
        path = self.work / f"crawl{pages}-{damage}-{self.seed}.warc.gz"
        if not path.exists():
            making = path.with_name(f"making-{path.name}")
            command = [sys.executable, str(HERE / "make_warc.py"), "--pages", str(pages), "--damage", str(damage)]
            command += ["--seed", str(self.seed), "--duplicates", str(self.duplicates), "--out", str(making)]
            cost = run(command, self.work / "make_warc.log")
            if cost.code:
                raise SystemExit(f"make_warc.py failed: see {self.work / 'make_warc.log'}")
            Path(f"{making}.truth.jsonl").rename(f"{path}.truth.jsonl")
            making.rename(path)
        return path

    def ours(self, warc: Path) -> Result:
        """`humpback segment`, measured and scored."""
        out, dropped = self.work / "segments.parquet", self.work / "dropped.parquet"
        for path in (out, dropped):
            path.unlink(missing_ok=True)
        command = [sys.executable, "-m", "humpback", "segment", str(warc), "--out", str(out), "--dropped", str(dropped)]
        for setting in (ONE_WORKER, *self.settings):
            command += ["--set", setting]
        cost = run(command, self.work / "humpback.log")
        if cost.code:
            print((self.work / "humpback.log").read_text(encoding="utf-8", errors="replace")[-1500:], file=sys.stderr)
            return {"failed": cost.code, **_spent(cost)}
        return {**_spent(cost), **scored(read_truth(Path(f"{warc}.truth.jsonl")), out, dropped)}

    def theirs(self, warc: Path, fast: bool = False) -> Result:
        """datatrove's pipeline, measured from outside and scored by itself."""
        out = self.work / "datatrove"
        shutil.rmtree(out, ignore_errors=True)
        command = [str(self.peer_python), str(PEER), str(warc), str(out), *(["--fast"] if fast else [])]
        cost = run(command, self.work / "datatrove.log")
        if cost.code:
            return {"failed": cost.code, **_spent(cost)}
        return {**json.loads(cost.output), **_spent(cost)}


def main() -> None:
    """Runs what was asked for, prints a table, writes JSON."""
    arguments = _arguments()
    arguments.work.mkdir(parents=True, exist_ok=True)
    bench = Bench(arguments.work, arguments.seed, arguments.duplicates, arguments.damage, tuple(arguments.set),
                  arguments.peer_python, arguments.peer_fast)  # fmt: skip
    if arguments.sizes:
        factors = [int(factor) for factor in arguments.sizes.split(",")]
        results = {factor * arguments.pages: bench.ours(bench.archive(factor * arguments.pages, arguments.damage))
                   for factor in factors}  # fmt: skip
        _print_sizes(results)
    else:
        results = side_by_side(bench, arguments.warc, arguments.pages)
        _print_side_by_side(results)
    if arguments.json:
        known = {"machine": _machine(), "versions": _versions(), "pages": arguments.pages, "seed": arguments.seed,
                 "damage": arguments.damage, "duplicates": arguments.duplicates, "settings": arguments.set}  # fmt: skip
        text = json.dumps(known | {"results": results}, indent=2)
        arguments.json.write_text(text + "\n", encoding="utf-8")


def side_by_side(bench: Bench, warc: Path | None, pages: int) -> dict[str, Result]:
    """Ours on the archive, theirs on the same, and both on the twin without damage where theirs cannot pass it."""
    warc = warc or bench.archive(pages, bench.damage)
    results = {"archive": _described(warc), "humpback": bench.ours(warc)}
    if not bench.peer_python:
        return results
    results["datatrove"] = bench.theirs(warc)
    ours, theirs = "humpback", "datatrove"
    if "crashed" in results[theirs]:
        warc = bench.archive(cast(int, results["archive"]["pages"]), 0)
        ours, theirs = "humpback, undamaged", "datatrove, undamaged"
        results[ours], results[theirs] = bench.ours(warc), bench.theirs(warc)
    results["ratios"] = _ratios(results[ours], results[theirs])
    if bench.peer_fast:
        results["datatrove, fast"] = bench.theirs(warc, fast=True)
        results["ratios, fast"] = _ratios(results[ours], results["datatrove, fast"])
    return results


def scored(truth: Truth, out: Path, dropped: Path) -> Result:
    """What is left of the planted sections, and what the deduplication made of those that reached it."""
    kept: set[Item] = set()
    duplicates: set[Item] = set()
    mapped: set[str] = set()
    reasons: Counter[str] = Counter()
    segments = 0
    for row in _rows(out, ["source", "text"]):
        segments += 1
        mapped.add(row["source"])
        kept.update(truth.items(row["source"], row["text"]))
    for row in _rows(dropped, ["source", "reason", "excerpt"]):
        reasons[row["reason"]] += 1
        mapped.add(row["source"])
        if "duplicate" in row["reason"]:
            duplicates.update(truth.items(row["source"], row["excerpt"]))
    return {
        "segments": segments,
        "dropped": dict(reasons.most_common()),
        "readable": len(truth.readable),
        "readable_not_read": len(truth.readable - mapped),
        "damaged_places": len(truth.damages),
        "unreadable_at_most": sum(cast(int, damage["unreadable_at_most"]) for damage in truth.damages),
        "sections": score(truth.sections, kept | duplicates, kept),
        "sections_end_to_end": left_over(truth.sections, kept),
    }


def _rows(path: Path, columns: list[str]) -> Iterator[Mapping[str, str]]:
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(columns=columns, batch_size=2000):
            yield from batch.to_pylist()


def _described(warc: Path) -> Result:
    """The summary at the end of the side file."""
    with Path(f"{warc}.truth.jsonl").open(encoding="utf-8") as lines:
        return dict(next(row for row in map(json.loads, lines) if row["type"] == "summary"))


def _spent(cost: Cost) -> Result:
    return {"wall_s": cost.wall_s, "cpu_s": cost.cpu_s, "peak_rss_mib": cost.peak_rss_mib,
            "peak_pss_mib": cost.peak_pss_mib}  # fmt: skip


def _ratios(ours: Result, theirs: Result) -> Result:
    """Ours to theirs; above 1 is faster or larger."""
    if "failed" in ours or "failed" in theirs or "crashed" in theirs:
        return {}
    return {
        "speed": round(_number(theirs["cpu_s"]) / _number(ours["cpu_s"]), 2),
        "peak_rss": round(_number(ours["peak_rss_mib"]) / _number(theirs["peak_rss_mib"]), 3),
        "peak_pss": round(_number(ours["peak_pss_mib"]) / _number(theirs["peak_pss_mib"]), 3),
    }


def _number(value: object) -> float:
    return float(cast(float, value))


def _print_side_by_side(results: Mapping[str, Result]) -> None:
    pages = _number(results["archive"]["pages"])
    print(f"{'':<22} {'pages/cpu-s':>11} {'cpu s':>8} {'wall s':>8} {'RSS MiB':>8} {'unread':>7} {'recall':>7} "
          f"{'false':>8} {'left over':>9}")  # fmt: skip
    for name, result in results.items():
        if name == "archive" or name.startswith("ratios"):
            continue
        spent = f"{_number(result['cpu_s']):>8.1f} {_number(result['wall_s']):>8.1f} {result['peak_rss_mib']:>8}"
        if "sections" not in result:
            print(f"{name:<22} {'-':>11} {spent} stopped: {result.get('crashed', result.get('failed'))}")
            continue
        level = "whole_pages" if "whole_pages" in result else "sections"
        found = cast(Result, result[level])
        pending = cast(Result, result["sections_end_to_end"])["share_left"]
        speed = f"{pages / _number(result['cpu_s']):>11.1f}"
        figures = f"{result['readable_not_read']:>7} {_percent(found['recall'])} {_percent(found['false'], 8)}"
        print(f"{name:<22} {speed} {spent} {figures} {_percent(pending, 9)}   ({level})")
    for name in ("ratios", "ratios, fast"):
        if name in results:
            print(f"ours to theirs ({name}):", results[name])


def _print_sizes(results: Mapping[int, Result]) -> None:
    print(f"{'pages':>8} {'cpu s':>8} {'wall s':>8} {'RSS MiB':>8} {'ms/page':>8} {'recall':>7}")
    for pages, result in results.items():
        each = 1000 * _number(result["cpu_s"]) / pages
        recall = cast(Result, result["sections"])["recall"] if "sections" in result else None
        spent = f"{_number(result['cpu_s']):>8.1f} {_number(result['wall_s']):>8.1f} {result['peak_rss_mib']:>8}"
        print(f"{pages:>8} {spent} {each:>8.2f} {_percent(recall)}")


def _percent(value: object, width: int = 7) -> str:
    return f"{'-' if value is None else format(_number(value), '.2%'):>{width}}"


def _machine() -> str:
    return f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"


def _versions() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "absent"
    return found


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", type=int, default=20_000)
    parser.add_argument("--warc", type=Path, help="an archive of make_warc.py; without it one is made")
    parser.add_argument("--work", type=Path, required=True, help="folder for archives and outputs")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--damage", type=int, default=12, help="damaged places in the archive")
    parser.add_argument("--duplicates", type=float, default=0.2)
    parser.add_argument("--set", action="append", default=[], help="a setting for humpback, NAME=VALUE; repeatable")
    parser.add_argument("--peer-python", type=Path, help="Python of the environment that has datatrove")
    parser.add_argument("--peer-fast", action="store_true", help="datatrove with trafilatura's fast mode as well")
    parser.add_argument("--sizes", help="factors such as 1,4,16: cost of humpback at so many times the pages")
    parser.add_argument("--json", type=Path, help="file to write")
    return parser.parse_args()


if __name__ == "__main__":
    main()
