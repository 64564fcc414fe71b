"""`humpback serve` with vLLM: its own server, told which model, which bounds and which template with tags."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from humpback.config import TagSettings
from humpback.models import cache_folder
from humpback.models.loading import load_template
from humpback.prompts import forward_messages
from humpback.records import content_id
from humpback.runs.store import write_text
from humpback.runs.store.files import get_folder
from humpback.serving.models import AnsweringModel

_TAGGED = """\
{%- set tagged = namespace(messages=[]) -%}
{%- for message in messages -%}
{%- if message['role'] == 'user' -%}
{%- set tagged.messages = tagged.messages + [{'role': 'user', 'content': message['content'] + TAIL}] -%}
{%- else -%}
{%- set tagged.messages = tagged.messages + [message] -%}
{%- endif -%}
{%- endfor -%}
{%- set messages = tagged.messages -%}
"""
"""Put before a chat template: whatever server renders it then puts the tags behind each instruction."""


def tagged_template(template: str, tags: TagSettings) -> str:
    """A chat template that puts the tags behind each instruction, as they stood in training."""
    tail = forward_messages("", tags, ("seed", "augmented"))[0].text
    return _TAGGED.replace("TAIL", json.dumps(tail)) + template if tail else template


def prepare(model: AnsweringModel, host: str, port: int) -> list[str]:
    """Puts the model's files and a template where vLLM's server finds them; the command that starts it.

    Raises:
        ModelError: The folder has no tokenizer.
    """
    folder = get_folder(model.path, cache_folder() / "served" / content_id(str(model.path)))
    text = tagged_template(load_template(folder, model.settings).tokenizer.get_chat_template(), model.tags)
    file = cache_folder() / "served" / f"{content_id(text)}.jinja"
    file.parent.mkdir(parents=True, exist_ok=True)
    write_text(file, text)
    return serve_command(model, folder, file, host, port)


def serve_command(model: AnsweringModel, folder: Path, template: Path, host: str, port: int) -> list[str]:
    """The command that starts vLLM's server.

    Args:
        model: What is served, and within which bounds.
        folder: The model's files.
        template: A chat template that holds the tags.
        host: Address to listen on.
        port: Its port.
    """
    settings = model.settings
    options: dict[str, object] = {
        "served-model-name": model.name,
        "chat-template": template,
        "host": host,
        "port": port,
        "dtype": settings.dtype,
        "max-model-len": settings.max_tokens,
        "tensor-parallel-size": settings.vllm.tensor_parallel,
        "gpu-memory-utilization": settings.vllm.memory_share,
    }
    if settings.vllm.replicas:
        options["data-parallel-size"] = settings.vllm.replicas
    flags = [f"--{name}={value}" for name, value in options.items()]
    flags += ["--trust-remote-code"] if settings.trust_remote_code else []
    flags += [] if settings.vllm.compile else ["--enforce-eager"]
    return [sys.executable, "-m", "vllm.entrypoints.cli.main", "serve", str(folder), *flags]
