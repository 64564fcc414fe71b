"""vLLM keeps the contract, and says what the embedded engine says. Needs an environment of its own: make test-vllm."""

import time

import psutil
import pytest

from humpback import models
from humpback.config import ENGINES, ModelSettings
from humpback.engines.open import open_engine
from humpback.engines.transformers import TransformersEngine
from humpback.errors import EngineError
from humpback.requests import LikelihoodRequest, Message, Part, Request, Sampling, Span
from tests.engines.contract import TEXTS, EngineContract, ask, likelihood, request

pytest.importorskip("vllm")
pytestmark = [
    pytest.mark.vllm,
    pytest.mark.timeout(1800),  # on a busy machine a start alone takes minutes
    pytest.mark.filterwarnings("ignore"),  # vLLM's own, while it is imported and started
]

SETTINGS = ModelSettings.model_validate(
    {
        "name": "package:smollm2-135m-instruct",
        "engine": "vllm",
        "max_tokens": 600,
        "vllm": {"cache_gib": 0.25, "compile": False},
    }
)


@pytest.fixture(scope="module")
def vllm():
    with open_engine(SETTINGS) as engine:
        yield engine


@pytest.fixture(scope="module")
def embedded():
    path = models.resolve(SETTINGS).path
    engine = TransformersEngine(path, "smollm2", SETTINGS.model_copy(update={"device": "cpu"}))
    yield engine
    engine.close()


class TestContract(EngineContract):
    spec = ENGINES["vllm"]

    @pytest.fixture
    def engine(self, vllm):
        return vllm

    def test_closing_twice_does_no_harm(self):
        before = models_in_memory()
        with open_engine(SETTINGS) as engine:
            assert len(models_in_memory() - before) == 1
            super().test_closing_twice_does_no_harm(engine)
            with pytest.raises(EngineError, match="closed"):
                list(engine.generate([request(0)]))
        assert not models_in_memory() - before


def models_in_memory():
    """The processes that hold one: vLLM calls them workers."""
    here = psutil.Process().children(recursive=True)
    return {one.pid for one in here if one.status() != psutil.STATUS_ZOMBIE and one.name().startswith("VLLM::Worker")}


def by_id(answers):
    return {answer.id: answer for answer in answers}


def test_it_writes_what_the_embedded_engine_writes(vllm, embedded):
    requests = [request(index, temperature=0.0, max_new_tokens=24) for index in range(len(TEXTS))]
    ours, theirs = by_id(vllm.generate(requests)), by_id(embedded.generate(requests))

    assert {name: answer.text for name, answer in ours.items()} == {n: a.text for n, a in theirs.items()}
    for name, answer in ours.items():
        assert answer.prompt_tokens == theirs[name].prompt_tokens
        assert answer.completion_tokens == theirs[name].completion_tokens
        assert answer.finish_reason == theirs[name].finish_reason
        assert answer.log_probability == pytest.approx(theirs[name].log_probability, abs=1e-2)


def test_log_probabilities_are_those_before_temperature_and_nucleus(vllm):
    drawn = Request("a", ask(TEXTS[1]), Sampling(12, temperature=1.7, top_p=0.5, seed=5))
    (written,) = vllm.generate([drawn])
    (scored,) = vllm.loglikelihood([LikelihoodRequest("a", drawn.messages, (written.text,))])

    assert written.finish_reason == "length"
    assert scored.tokens == (written.completion_tokens,)
    assert written.log_probability == pytest.approx(scored.log_probabilities[0], abs=1e-2)


@pytest.mark.parametrize(
    "continuations",
    [("1", "2", "3", "4", "5"), (" Yes, it is blue.", "No"), tuple(f"{n}" for n in range(10)) * 15],
    ids=["grades", "sentences", "more than vLLM looks up at a time"],
)
def test_it_finds_as_likely_what_the_embedded_engine_finds(vllm, embedded, continuations):
    requests = [likelihood(index, continuations) for index in range(len(TEXTS))]
    ours, theirs = by_id(vllm.loglikelihood(requests)), by_id(embedded.loglikelihood(requests))

    for name, answer in ours.items():
        assert answer.tokens == theirs[name].tokens
        assert answer.prompt_tokens == theirs[name].prompt_tokens
        assert answer.log_probabilities == pytest.approx(theirs[name].log_probabilities, abs=1e-3)


def test_parts_of_the_conversation_are_read_in_the_same_pass(vllm, embedded):
    messages = (Message("user", (Part("Read this. "), Part("The harbour lies behind a long wall of grey stone."))),)
    spans = (Span(1), Span(1, start=12, end=30), Span(1, step=2))
    for continuations in (("1", "5"), (" It does lie there.", "No"), ()):
        asked = LikelihoodRequest("a", messages, continuations, spans=spans)
        (ours,), (theirs,) = vllm.loglikelihood([asked]), embedded.loglikelihood([asked])

        assert ours.log_probabilities == pytest.approx(theirs.log_probabilities, abs=1e-3)
        for mine, other in zip(ours.spans, theirs.spans, strict=True):
            assert mine.tokens == other.tokens > 0
            assert mine.log_probability == pytest.approx(other.log_probability, abs=1e-3)


def test_who_stops_listening_takes_back_what_is_under_way(vllm):
    short = Request("short", ask("Hi"), Sampling(1))
    long = [Request(f"{index}", ask("Tell a story."), Sampling(500, seed=index)) for index in range(40)]
    answers = vllm.generate([short, *long])
    assert next(answers).id == "short"
    answers.close()

    until = time.monotonic() + 30
    while vllm.under_way and time.monotonic() < until:
        time.sleep(0.1)
    assert vllm.under_way == 0
    assert next(vllm.generate([short])).text


def test_two_copies_share_the_work_and_change_no_answer(vllm):
    twice = SETTINGS.model_copy(update={"vllm": SETTINGS.vllm.model_copy(update={"replicas": 2})})
    requests = [request(index) for index in range(12)]
    alone = by_id(vllm.generate(requests))
    before = models_in_memory()
    with open_engine(twice) as engine:
        together = by_id(engine.generate(requests))
        assert len(models_in_memory() - before) == 2

    assert {name: answer.text for name, answer in together.items()} == {n: a.text for n, a in alone.items()}


def test_a_device_that_is_not_there_is_one_line():
    with (
        pytest.raises(EngineError, match=r"model.device is mps, and this vLLM runs on .*: set it to auto"),
        open_engine(SETTINGS.model_copy(update={"device": "mps"})),
    ):
        pass
