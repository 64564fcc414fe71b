"""Tiny models that are real models: trained tokenizers, safetensors, loadable by `transformers`."""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path

import pytest

# Before torch is imported: a model of two layers is fastest on one thread, here and in the processes that tests start,
# and tests in parallel do not fight for the cores. Under load it is six times as fast as a thread for each core.
os.environ["OMP_NUM_THREADS"] = "1"

from tests.corpus_fixtures import config_file, documents, seed_file, settings  # noqa: F401 - fixtures for all

_modules = 0


def pytest_runtest_setup() -> None:
    """What modules hold never goes: each training asks the collector several times, and it took a third of the time."""
    global _modules
    if len(sys.modules) > _modules + 200:
        _modules = len(sys.modules)
        gc.collect()
        gc.freeze()


_SENTENCES = [
    "Write a short note about the sea, the wind and the harbour.",
    "The harbour lies behind a long wall of grey stone.",
    "How do I bake bread? Mix flour, water, salt and yeast, then wait.",
    "Explain why the sky is blue. Air scatters short waves more than long ones.",
    "Answer in the style of an AI Assistant. Answer with knowledge from web search.",
    "Imagine that an AI assistant wrote the text above as its reply. Output only that request.",
    "### Request\n### Answer\nScore: 1 2 3 4 5",
] * 4

CHATML = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def build_tiny_model(folder: Path, *, chat: bool) -> Path:
    """A Llama of two layers with random weights and a byte-level BPE tokenizer of 400 tokens."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    special = ["<s>", "</s>", "<pad>", "<|im_start|>", "<|im_end|>"]
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    bpe.train_from_iterator(_SENTENCES, trainer)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=bpe, bos_token="<s>", eos_token="</s>")
    tokenizer.add_special_tokens({"additional_special_tokens": special[3:]})
    if chat:
        tokenizer.chat_template = CHATML
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=48,
        intermediate_size=96,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=4096,
        tie_word_embeddings=not chat,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=None,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a base model: no chat template, no padding token, tied embeddings."""
    return build_tiny_model(tmp_path_factory.mktemp("tiny-model"), chat=False)


@pytest.fixture(scope="session")
def tiny_chat_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a chat model: ChatML, its end of turn not the end of sequence, embeddings not tied."""
    return build_tiny_model(tmp_path_factory.mktemp("tiny-chat-model"), chat=True)
