"""The commands in which finished models answer: parse, call, print."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from humpback.cli.options import Sets
from humpback.errors import ConfigError, InputError, harmless

if TYPE_CHECKING:
    from humpback.serving.models import AnsweringModel

_Model = Annotated[str, typer.Argument(metavar="RUN_OR_MODEL", help="A run folder, or any model as model.name.")]
_Numbers = Annotated[
    Optional[list[int]],  # noqa: UP045
    typer.Option("--model", metavar="N", min=0, help="Of a run: M_N. Repeatable [default: the last one]."),
]


def chat(
    model: _Model,
    numbers: _Numbers = None,
    max_new_tokens: Annotated[int, typer.Option(min=1, help="Longest answer.")] = 512,
    temperature: Annotated[float, typer.Option(min=0, help="0 is greedy.")] = 0.7,
    seed: Annotated[int, typer.Option(help="Of everything drawn at random.")] = 0,
    settings: Sets = None,
) -> None:
    """Talk to a model in the terminal.

    Where the input is a file or a pipe, each of its lines is answered.

    Example: humpback chat runs/demo --model 0 --model 2
    """
    from humpback.requests import Sampling
    from humpback.serving.chat import HELP, Conversation
    from humpback.serving.chat import chat as chat_with
    from humpback.serving.models import answering_models

    answering = answering_models(model, numbers or [], settings or [])
    sampling = Sampling(max_new_tokens, temperature, 0.9, seed)
    with ExitStack() as stack:
        conversations = [
            Conversation(item.name, stack.enter_context(item.opened()), item.tags, sampling) for item in answering
        ]
        if sys.stdin.isatty():
            typer.echo(f"{harmless(', '.join(item.name for item in answering))}: {HELP}", err=True)
        try:
            chat_with(conversations, _typed() if sys.stdin.isatty() else sys.stdin, _print)
        except KeyboardInterrupt:
            typer.echo()
        except UnicodeDecodeError as error:
            raise InputError(f"what is read is not UTF-8 ({error.reason})", "give text in UTF-8") from None


def serve(
    model: _Model,
    numbers: _Numbers = None,
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 lets other machines ask.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8000,
    settings: Sets = None,
) -> None:
    """Serve a model by the OpenAI protocol.

    Where vLLM is installed, its server does it.

    Example: humpback serve runs/demo --port 8000
    """
    from humpback.serving.models import answering_models

    answering = answering_models(model, numbers or [], settings or [])
    sets_engine = any(change.startswith("model.engine=") for change in settings or [])
    engine = answering[0].settings.engine
    if engine == "vllm" or (engine == "transformers" and not sets_engine and find_spec("vllm")):
        _become_vllm(answering, host, port)
    with suppress(KeyboardInterrupt), ExitStack() as stack:
        from humpback.serving.server import ModelServer, Served

        try:
            server = stack.enter_context(ModelServer(host, port))
        except OSError as error:
            raise ConfigError(f"cannot listen on {host}:{port} ({error.strerror})", "choose another --port") from None
        served = [Served(item, stack.enter_context(item.opened())) for item in answering]
        address = f"http://{host}:{server.server_port}/v1"
        typer.echo(f"{', '.join(item.name for item in answering)} at {address}; Ctrl-C ends")
        server.serve(served)


def _become_vllm(answering: Sequence[AnsweringModel], host: str, port: int) -> None:
    """Puts vLLM's server in the place of this process, which then gets its signals.

    Raises:
        ConfigError: More than one model is asked for.
    """
    from humpback.serving.vllm import prepare

    if len(answering) > 1:
        raise ConfigError("vLLM serves one model", "give one --model, or --set model.engine=transformers")
    command = prepare(answering[0], host, port)
    typer.echo(shlex.join(command), err=True)
    os.execv(command[0], command)  # noqa: S606 - no shell is meant


def _typed() -> Iterator[str]:
    """What is typed at a prompt, line by line, until Ctrl-D."""
    import readline  # noqa: F401 - input() then knows the arrow keys

    while True:
        try:
            yield input("> ")
        except EOFError:
            typer.echo()
            return


def _print(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
