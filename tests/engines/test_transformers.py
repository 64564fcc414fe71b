"""The embedded engine keeps the contract, and its numbers are the model's own."""

import pytest
import torch
from transformers import AutoModelForCausalLM

from humpback.config import ENGINES, ModelSettings
from humpback.engines.transformers import TransformersEngine
from humpback.errors import EngineError, ModelError
from humpback.requests import EmbeddingRequest, LikelihoodRequest, Message, Part, Request, Sampling, Span
from tests.engines.contract import EngineContract

SETTINGS = ModelSettings(name="tiny", device="cpu", max_tokens=600)


def ask(text: str) -> tuple[Message, ...]:
    return (Message("user", (Part(text),)),)


class TestContract(EngineContract):
    spec = ENGINES["transformers"]

    @pytest.fixture(params=["tiny_model", "tiny_chat_model"])
    def engine(self, request):
        engine = TransformersEngine(request.getfixturevalue(request.param), "tiny", SETTINGS)
        yield engine
        engine.close()


@pytest.fixture(scope="module")
def engine(tiny_model):
    engine = TransformersEngine(tiny_model, "tiny", SETTINGS)
    yield engine
    engine.close()


def reference(path, ids: tuple[int, ...], start: int) -> float:
    """Log-probability of `ids[start:]`, by a plain forward pass without padding."""
    model = AutoModelForCausalLM.from_pretrained(path)
    with torch.inference_mode():
        logits = model(torch.tensor([ids])).logits[0].log_softmax(-1)
    return float(sum(logits[i - 1, ids[i]] for i in range(start, len(ids))))


def test_likelihood_is_the_models_own_whatever_shares_the_batch(engine, tiny_model):
    texts = ["Mix and wait.", "The harbour lies behind a long wall of grey stone.", "No"]
    requests = [
        LikelihoodRequest(f"{i}", ask("How do I bake bread? " * (i + 1)), tuple(texts), ends=True) for i in range(5)
    ]
    for answer in engine.loglikelihood(requests):
        example = engine.template.example(requests[int(answer.id)].messages, texts[1], 600)
        expected = reference(tiny_model, example.ids, example.start)
        assert answer.log_probabilities[1] == pytest.approx(expected, abs=1e-3)
        assert answer.tokens[1] == len(example.ids) - example.start


def test_choices_of_one_token_are_read_off_one_position(engine, tiny_model):
    request = LikelihoodRequest("a", ask("Rate."), ("1", "2", "3", "4", "5"), "Score: ")
    (answer,) = engine.loglikelihood([request])
    for choice, value in zip(request.continuations, answer.log_probabilities, strict=True):
        shared, (target,) = engine.template.continuations("Score: ", [choice], ends=False)
        prompt = (*engine.template.prompt(ask("Rate."), "", 600), *shared)
        assert value == pytest.approx(reference(tiny_model, (*prompt, *target), len(prompt)), abs=1e-3)


def test_a_stretch_is_as_likely_as_the_same_tokens_of_an_answer(engine, tiny_model):
    question, answer = ask("How do I bake bread?"), "Mix flour, water, salt and yeast, then wait."
    example = engine.template.example(question, answer, 600)
    begun = (*question, Message("assistant", (Part(answer),)))
    comma = answer.index(", then")
    spans = (Span(1), Span(1, 0, comma), Span(1, comma))
    request = LikelihoodRequest("a", begun, ("",), ends=True, spans=spans)
    (found,) = engine.loglikelihood([request])
    whole, head, tail = found.spans

    assert whole.tokens == len(example.ids) - example.start - found.tokens[0]
    assert head.tokens + tail.tokens == whole.tokens
    assert head.log_probability + tail.log_probability == pytest.approx(whole.log_probability, abs=1e-3)
    assert whole.log_probability + found.log_probabilities[0] == pytest.approx(
        reference(tiny_model, example.ids, example.start), abs=1e-3
    )


def test_what_is_cut_off_is_not_read(engine):
    begun = (*ask("Bake."), Message("assistant", (Part("Mix and wait. " * 400, cut=True),)))
    request = LikelihoodRequest("a", begun, ("",), ends=True, spans=(Span(1), Span(1, 5000)))
    (found,) = engine.loglikelihood([request])

    assert 0 < found.spans[0].tokens < SETTINGS.max_tokens
    assert found.spans[1].tokens == 0


def test_the_log_probability_of_a_generation_is_its_likelihood(engine):
    request = Request("a", ask("Write a short note."), Sampling(8, seed=3))
    (written,) = engine.generate([request])
    if written.finish_reason == "length":
        (scored,) = engine.loglikelihood([LikelihoodRequest("a", request.messages, (written.text,))])
        if scored.tokens[0] == written.completion_tokens:  # the text may be tokenised otherwise than it was written
            assert written.log_probability == pytest.approx(scored.log_probabilities[0], abs=1e-3)
    assert written.log_probability < 0


def test_greedy_takes_the_likeliest_token(engine, tiny_model):
    (written,) = engine.generate([Request("a", ask("Hi"), Sampling(1, temperature=0))])
    ids = engine.template.prompt(ask("Hi"), "", 599)
    model = AutoModelForCausalLM.from_pretrained(tiny_model)
    with torch.inference_mode():
        best = int(model(torch.tensor([ids])).logits[0, -1].argmax())
    assert written.text == engine.template.decode([best])


def test_sampling_follows_the_nucleus(engine):
    """A tiny nucleus leaves one token, so that every seed writes the greedy text."""
    greedy = next(engine.generate([Request("g", ask("Hi"), Sampling(6, temperature=0))])).text
    narrow = [Request(f"{seed}", ask("Hi"), Sampling(6, top_p=1e-6, seed=seed)) for seed in range(4)]
    assert {answer.text for answer in engine.generate(narrow)} == {greedy}
    wide = [Request(f"{seed}", ask("Hi"), Sampling(6, temperature=1.0, top_p=1.0, seed=seed)) for seed in range(4)]
    assert len({answer.text for answer in engine.generate(wide)}) > 1


def test_a_batch_is_bounded_by_tokens(tiny_model):
    engine = TransformersEngine(tiny_model, "tiny", SETTINGS.model_copy(update={"batch_tokens": 64}))
    answers = list(engine.generate([Request(f"{i}", ask("Hi " * i), Sampling(4)) for i in range(12)]))
    assert {answer.id for answer in answers} == {f"{i}" for i in range(12)}


def test_a_closed_engine_says_so(tiny_model):
    engine = TransformersEngine(tiny_model, "tiny", SETTINGS)
    engine.close()
    with pytest.raises(EngineError, match="closed"):
        list(engine.generate([Request("a", ask("Hi"), Sampling(4))]))


def test_a_folder_without_a_model_is_one_clear_line(tmp_path):
    with pytest.raises(ModelError, match="cannot be loaded"):
        TransformersEngine(tmp_path, "none", SETTINGS)


def test_a_shared_beginning_is_computed_once_and_changes_nothing(engine, tiny_model):
    rubric = Part("Read the instruction and the answer, then rate how well the one meets the other. " * 3)
    requests = [
        LikelihoodRequest(
            f"{i}", (Message("user", (rubric, Part("the wind " * i + "and the sea"))),), ("1", "5"), "Score: "
        )
        for i in range(7)
    ]
    alone = {answer.id: answer for request in requests for answer in engine.loglikelihood([request])}
    for answer in engine.loglikelihood(requests):
        assert answer.log_probabilities == pytest.approx(alone[answer.id].log_probabilities, abs=1e-4)


@pytest.mark.parametrize("model", ["tiny_model", "tiny_chat_model"])
def test_a_vector_is_the_mean_of_the_states_behind_the_middle_layer(model, request):
    folder = request.getfixturevalue(model)
    engine = TransformersEngine(folder, "tiny", SETTINGS)
    network = AutoModelForCausalLM.from_pretrained(folder)
    text = "The harbour lies behind a long wall. <|im_end|></s> is a string."
    begin, ids = engine.template.plain_text(text, 64)
    with torch.inference_mode():
        states = network(torch.tensor([[*begin, *ids]]), output_hidden_states=True).hidden_states
    short, whole = engine.embed([EmbeddingRequest("short", text, 3), EmbeddingRequest("whole", text)])

    assert len(states) == 3, "the embeddings, and two layers"
    expected = states[1][0, len(begin) :]
    assert not set(ids) & set(engine.template.stop_ids), "a text cannot hold control tokens"
    assert whole.values == pytest.approx(expected.mean(0).tolist(), abs=1e-4)
    assert short.values == pytest.approx(expected[:3].mean(0).tolist(), abs=1e-4)
    engine.close()


def test_what_stands_behind_the_middle_layer_is_not_computed(engine):
    computed = []
    network = engine._open_model().network
    hooks = [
        module.register_forward_hook(lambda *_, at=at: computed.append(at))
        for at, module in enumerate(network.model.layers)
    ]
    list(engine.embed([EmbeddingRequest("a", "The sea is loud.")]))
    for hook in hooks:
        hook.remove()

    assert 1 not in computed
    assert not network.model.layers[0]._forward_hooks, "nothing stays behind"
