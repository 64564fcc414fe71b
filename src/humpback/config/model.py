"""The base model, and the server that may answer in its place."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, JsonValue, ValidationInfo, field_validator, model_validator

from humpback.config.base import Positive, Settings
from humpback.config.engines import ENGINES, EngineName, EngineSpec
from humpback.config.paths import path_in


class ServerSettings(Settings):
    """The server that answers, where `model.engine` is 'openai': vLLM, llama.cpp, Ollama, a hosted one."""

    base_url: str | tuple[str, ...] = ""
    """Its address up to and with '/v1', such as http://localhost:8000/v1. A list of several that serve the same model:
    they share the requests, and what one that is down does not answer, the others do. Records name the first."""
    api_key_env: str = ""
    """Name of the environment variable that holds the key; empty sends none. The key itself is never written down."""
    concurrency: Positive | None = None
    """Requests under way at a time at each address: so many, and fewer only while the server refuses some. If not
    given, as many as make it faster, found out on the way."""
    requests_per_minute: Annotated[int, Field(ge=0)] = 0
    """No more requests than this in a minute to each address, spread evenly, further tries included; 0: no limit."""
    batch: bool = False
    """Send the requests of a stage as batches (`/v1/batches`), which cost half at some servers and may take a day.
    Ended and run again, a command takes the answers of its batches. `concurrency` does not count then."""
    timeout: Annotated[float, Field(gt=0)] = 300.0
    """Seconds that one try may take, to the last byte of the answer."""
    retries: Annotated[int, Field(ge=0)] = 6
    """Further tries after a timeout, a lost connection, a damaged answer or status 408, 409, 425, 429 or 5xx: after
    about half a second, then twice as long each time, or when the server says (Retry-After)."""
    logprobs: bool = True
    """Ask for the log-probabilities of what is written. Where the server refuses that, false; they are recorded as 0
    then, and `augment.per_segment` cannot tell which instruction is the likeliest."""
    prefill: Literal["auto", "continue", "trailing", "none"] = "auto"
    """How the server is made to go on with an answer that we begin. continue: a last message and vLLM's
    `continue_final_message`. trailing: a last message alone (llama.cpp, Ollama). none: the model writes the beginning
    itself. auto goes by what the server says it is."""
    price_read: Annotated[float, Field(ge=0)] = 0.0
    """Price of a million tokens read, in any currency: for the account at the end."""
    price_written: Annotated[float, Field(ge=0)] = 0.0
    """Price of a million tokens written."""
    structured: bool = False
    """Hold ratings and verdicts to an object of JSON: reasons, then the score or the verdict (`response_format`). A
    server that refuses that is asked in words."""
    extra_body: dict[str, JsonValue] = Field(default_factory=dict)
    """Fields to add to each request or put in the place of ours; null leaves one out. Not for secrets: settings are
    kept with the results."""

    @property
    def addresses(self) -> tuple[str, ...]:
        """The addresses; none where none is given."""
        return (self.base_url,) if isinstance(self.base_url, str) and self.base_url else tuple(self.base_url)

    @field_validator("base_url")
    @classmethod
    def _addresses(cls, urls: str | tuple[str, ...]) -> str | tuple[str, ...]:
        if isinstance(urls, str):
            return _address(urls) if urls else urls
        if len(set(urls)) < len(urls):
            raise ValueError("names an address twice")
        return tuple(map(_address, urls))

    @field_validator("api_key_env")
    @classmethod
    def _name_only(cls, name: str) -> str:
        """A key that is put here by mistake must not be stored, nor shown."""
        if name and not re.fullmatch(r"[A-Z_][A-Z0-9_]*", name):
            raise ValueError("is not the name of an environment variable in capitals; the key itself does not go here")
        return name

    @field_validator("extra_body")
    @classmethod
    def _not_ours(cls, body: dict[str, JsonValue]) -> dict[str, JsonValue]:
        if ours := sorted({"model", "messages", "n", "stream"} & set(body)):
            raise ValueError(f"cannot change {', '.join(ours)}")
        return body


def _address(url: str) -> str:
    """Messages never show the address: a key may have been put into it."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("is no address: write it like http://localhost:8000/v1")
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise ValueError(
            "may hold no name, password or query: put the key into an environment variable and name it in api_key_env"
        )
    return url.rstrip("/")


class VllmSettings(Settings):
    """How vLLM is laid out, where `model.engine` is 'vllm'. Nothing here changes what is asked of the model."""

    replicas: Annotated[int, Field(ge=0)] = 0
    """Copies of the model side by side, each answering its share; 0 makes as many as the GPUs in sight have room for,
    which on a Ray worker is one."""
    tensor_parallel: Positive = 1
    """GPUs that hold one copy together. As few as hold the model: copies side by side do not wait for one another."""
    memory_share: Annotated[float, Field(gt=0, le=1)] = 0.85
    """Share of each GPU's memory that is taken, weights included; less than vLLM's own .92, for a run trains beside."""
    cache_gib: Annotated[float, Field(ge=0)] = 0.0
    """GiB for the keys and values in each copy; 0 takes what `memory_share` leaves, on a CPU 2."""
    compile: bool = True
    """Compile the model and capture its steps: a slow start, faster answers. Off pays for little work."""


class ModelSettings(Settings):
    """The base model and how it is run."""

    name: str = "package:gemma3-270m"
    """Hub id ('org/name'), folder, GGUF file, or 'package:NAME' for a model that an installed package carries. With
    engine 'openai' the name that the server knows it by."""
    revision: str = ""
    """Commit or tag of a hub model; empty takes the newest and records what it was."""
    engine: EngineName = "transformers"
    """What answers requests. 'vllm' is for GPUs and much work. 'openai' is any server that speaks its protocol: it can
    write and rate (`models`), and cannot be trained. 'fake' needs no model at all: for dry runs."""
    server: ServerSettings = ServerSettings()
    vllm: VllmSettings = VllmSettings()
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """Where the model runs; auto takes a GPU if there is one."""
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    """auto: bfloat16 on a GPU that has it, float32 elsewhere. A CPU with AVX-512 BF16 or AMX reads and writes
    faster in bfloat16, but a score is rounded and a sampled text depends on what it is written together with."""
    max_tokens: Positive = 1024
    """Longest sequence, prompt and answer together. A document that does not fit is cut; a target never is. A server
    has its own limit, which is the one that counts."""
    batch_tokens: Positive = 8192
    """Tokens, padding included, that one batch of reading or writing may hold: the bound on its memory. vLLM has its
    own. With dtype bfloat16 on a CPU it changes texts, and another value makes candidates and ratings stale."""
    date: datetime.date = datetime.date(2024, 7, 26)
    """The day that a chat template is told which asks for today's, as YYYY-MM-DD. It is written into the template of
    the trained model, so that a model is asked on any day as it was trained."""
    trust_remote_code: bool = False
    """Whether code that a model folder brings may be run, and weights other than safetensors be read."""

    @property
    def engine_spec(self) -> EngineSpec:
        """The entry of the engine in the table of engines."""
        return ENGINES[self.engine]

    def contradictions(self) -> Iterator[str]:
        """What a server needs."""
        if self.engine_spec.is_server and not self.server.addresses:
            yield f"engine '{self.engine}' needs server.base_url, such as http://localhost:8000/v1"
        if self.server.batch and len(self.server.addresses) > 1:
            yield "server.batch goes with one server.base_url, as a batch is at one server"
        if self.engine_spec.is_server and self.name.startswith("package:"):
            yield f"engine '{self.engine}' needs in name what the server calls the model"

    @model_validator(mode="after")
    def _beside_the_file(self, validation: ValidationInfo) -> ModelSettings:
        if self.engine_spec.is_server or not isinstance(validation.context, Path):
            return self
        name = path_in(self.name, validation.context, or_on_hub=True)
        return self if name == self.name else self.model_copy(update={"name": name})


class RoleSettings(Settings):
    """Models that do a part of the loop in place of those that the run trains. Not in the paper."""

    writer: ModelSettings | None = None
    """Writes the instructions in place of M_yx. It sees pairs of the seed (`augment.examples`)."""
    rater: ModelSettings | None = None
    """Rates in place of M_{t-1}, once: `run.iterations` is 1 then."""
    rewriter: ModelSettings | None = None
    """Rewrites each curated response of the last iteration, so that it answers its instruction (`rewrite`)."""
    judge: ModelSettings | None = None
    """Says at the end how often the answers of the last M_t are better than those of M_0 (`evaluate.winrate`)."""
