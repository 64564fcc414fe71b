"""Rows come and go while others are written, and each answer is the one that the request would get alone."""

from pathlib import Path

import pytest
import torch
from torch import nn
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    Gemma3ForCausalLM,
    Gemma3TextConfig,
    Lfm2Config,
    Lfm2ForCausalLM,
)

from humpback.config import ENGINES, ModelSettings
from humpback.engines.transformers import TransformersEngine
from humpback.engines.weight_packing import PackedLinear, can_pack, pack_linear_layers
from humpback.requests import Message, Part, Request, Sampling
from tests.engines.contract import EngineContract

SETTINGS = ModelSettings(name="tiny", device="cpu", dtype="float32", max_tokens=400)
WINDOW = 16
RUBRIC = "Read what follows and rate how well the answer meets what was asked of it. " * 3


def windowed_model(tokenizer_of: Path, folder: Path) -> Path:
    """A Gemma of three layers, two of which see the last 16 tokens alone."""
    tokenizer = AutoTokenizer.from_pretrained(tokenizer_of)
    torch.manual_seed(1)
    config = Gemma3TextConfig(
        vocab_size=len(tokenizer), hidden_size=48, intermediate_size=96, num_hidden_layers=3, num_attention_heads=4,
        num_key_value_heads=2, head_dim=12, sliding_window=WINDOW, max_position_embeddings=512,
        layer_types=["sliding_attention", "sliding_attention", "full_attention"],
    )  # fmt: skip
    return saved(Gemma3ForCausalLM(config), tokenizer, folder)


def state_model(tokenizer_of: Path, folder: Path) -> Path:
    """An LFM2 of three layers, two of which remember a state of convolution and no keys."""
    tokenizer = AutoTokenizer.from_pretrained(tokenizer_of)
    torch.manual_seed(2)
    config = Lfm2Config(
        vocab_size=len(tokenizer), hidden_size=48, intermediate_size=96, num_hidden_layers=3, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=512, layer_types=["conv", "full_attention", "conv"],
    )  # fmt: skip
    return saved(Lfm2ForCausalLM(config), tokenizer, folder)


def saved(model: nn.Module, tokenizer: object, folder: Path) -> Path:
    with torch.no_grad():
        for weight in model.parameters():
            if weight.dim() > 1:
                weight.mul_(4)  # so that one token is clearly likelier than the next
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module", params=["llama", "windows", "states"])
def folder(request, tiny_model, tmp_path_factory):
    if request.param == "llama":
        return tiny_model
    make = windowed_model if request.param == "windows" else state_model
    return make(tiny_model, tmp_path_factory.mktemp(request.param))


def requests(count: int, *, temperature: float = 0.0, shared: str = "") -> list[Request]:
    """Prompts and answers of many lengths."""
    return [
        Request(
            f"{i}",
            (Message("user", (Part(shared), Part("the wind and the sea " * (i % 7) + f"are loud {i}"))),),
            Sampling(3 + 5 * (i % 5), temperature, 0.9, seed=i),
        )
        for i in range(count)
    ]


def by_transformers(engine: TransformersEngine, path: Path, request: Request) -> str:
    """The greedy answer of one request by the model's own loop, without padding."""
    model = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32)
    ids = engine.template.prompt(request.messages, "", 400)
    found = model.generate(
        torch.tensor([ids]), attention_mask=torch.ones(1, len(ids), dtype=torch.long), do_sample=False,
        max_new_tokens=request.sampling.max_new_tokens, eos_token_id=list(engine.template.stop_ids),
        pad_token_id=engine.template.pad_id,
    )  # fmt: skip
    return engine.template.decode(found[0, len(ids) :].tolist())


@pytest.fixture
def engine(folder):
    """Room for few rows at a time, so that others wait and join."""
    engine = TransformersEngine(folder, "tiny", SETTINGS.model_copy(update={"batch_tokens": 160}))
    yield engine
    engine.close()


class TestContractOfOtherMemories(EngineContract):
    """Windows and states keep the contract as plain attention does."""

    spec = ENGINES["transformers"]

    @pytest.fixture(params=["windows", "states"])
    def engine(self, request, tiny_model, tmp_path):
        make = windowed_model if request.param == "windows" else state_model
        engine = TransformersEngine(make(tiny_model, tmp_path / "model"), "tiny", SETTINGS)
        yield engine
        engine.close()


@pytest.mark.parametrize("shared", ["", RUBRIC], ids=["nothing shared", "a rubric shared"])
def test_greedy_answers_are_those_of_the_models_own_loop(engine, folder, shared):
    asked = requests(12, shared=shared)
    found = {answer.id: answer for answer in engine.generate(asked)}

    assert sorted(found) == sorted(one.id for one in asked)
    for one in asked:
        assert found[one.id].text == by_transformers(engine, folder, one)


def test_rows_that_join_later_get_the_answer_they_get_alone(engine):
    asked = requests(24, temperature=0.8, shared=RUBRIC)
    together = {answer.id: answer for answer in engine.generate(asked)}

    assert len({answer.text for answer in together.values()}) > 12
    for one in asked[::5]:
        (alone,) = engine.generate([one])
        assert together[one.id].text == alone.text
        assert together[one.id].completion_tokens == alone.completion_tokens
        assert together[one.id].log_probability == pytest.approx(alone.log_probability, abs=1e-3)


@pytest.mark.skipif(not can_pack(torch.device("cpu")), reason="no oneDNN here")
@pytest.mark.parametrize(("dtype", "off"), [(torch.float32, 1e-5), (torch.bfloat16, 2e-2)])
def test_a_packed_layer_multiplies_as_the_linear_one_does_whatever_the_batch(dtype, off):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(48, 96), nn.ReLU(), nn.Linear(96, 40, bias=False)).requires_grad_(False)
    inputs = torch.randn(3, 17, 48)
    with torch.inference_mode():
        expected = network(inputs)
        pack_linear_layers(network, dtype)
        found = network(inputs)
        some = network(inputs[:1])

    assert all(isinstance(network[place], PackedLinear) for place in (0, 2))
    assert found.dtype == torch.float32
    assert torch.allclose(found, expected, atol=off)
    assert torch.equal(found[:1], some)
