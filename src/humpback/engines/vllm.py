"""vLLM: continuous batching and a cache of prompt prefixes, for GPUs above all.

The model runs in processes that vLLM starts, one set for each copy of the model; this process makes tokens of requests
and keeps so many under way that no copy waits. Prompts go there as tokens that our template made, never as text: what a
document says cannot become a control token.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Iterator
from concurrent.futures import Future
from pathlib import Path
from threading import Thread
from typing import Any, TypeVar

import psutil
from vllm import AsyncEngineArgs, AsyncLLMEngine, SamplingParams
from vllm.exceptions import VLLMError
from vllm.inputs import tokens_input
from vllm.sampling_params import RequestOutputKind
from vllm.usage.usage_lib import UsageContext

from humpback.config import ModelSettings
from humpback.engines.guard import Guard
from humpback.engines.token_rows import RowRequest, TokenRow, to_likelihood, to_rows
from humpback.engines.under_way import as_answered
from humpback.engines.vllm_layout import arguments_for
from humpback.errors import EngineError, ModelError, UnsupportedError
from humpback.models.loading import load_template, longest_sequence
from humpback.models.template import TooLong
from humpback.models.weights import check_weights
from humpback.records import FinishReason
from humpback.requests import Completion, Embedding, EmbeddingRequest, Likelihood, LikelihoodRequest, Request

_QUEUE_FACTOR = 2
"""Requests that are running for each one that a copy can work on, so that no copy waits for this process."""

_CHOICES = 128
"""Most single tokens that vLLM looks up at one position."""

_AnyRequest = TypeVar("_AnyRequest", Request, LikelihoodRequest)
_Answer = TypeVar("_Answer", Completion, Likelihood)


class VllmEngine:
    """Answers requests with one model folder.

    Args:
        path: Model folder in the Hugging Face layout.
        identity: What to call the model in records.
        settings: Copies, memory and bounds.

    Raises:
        EngineError: vLLM runs on another device than the settings ask for.
        ModelError: It cannot open the model, or its weights are not those that its config asks for.
    """

    def __init__(self, path: Path, identity: str, settings: ModelSettings) -> None:
        self._identity = identity
        check_weights(path, trust=settings.trust_remote_code)
        self.template, self._max_tokens = load_template(path, settings), longest_sequence(path, settings)
        arguments = arguments_for(path, settings, self._max_tokens)
        self._asked = 0
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="vllm", daemon=True)
        self._thread.start()
        before = _processes()
        try:
            self._engine: Any = asyncio.run_coroutine_threadsafe(_start(arguments), self._loop).result()
        except (RuntimeError, ValueError, OSError) as error:
            self._stop_loop()
            raise ModelError(
                f"vLLM cannot open {path} ({_line(error)})",
                "see what it says above; if memory is short, model.vllm.memory_share or model.vllm.cache_gib",
            ) from None
        self._guard = Guard(_processes() - before)
        at_a_time = int(self._engine.vllm_config.scheduler_config.max_num_seqs)
        self._max_running = _QUEUE_FACTOR * at_a_time * arguments.data_parallel_size

    @property
    def model(self) -> str:
        """Identity of the model that answers."""
        return self._identity

    @property
    def under_way(self) -> int:
        """Requests that vLLM has not answered yet."""
        return 0 if self._engine is None else int(self._engine.get_num_unfinished_requests())

    def close(self) -> None:
        """Ends vLLM's processes, and with them frees all memory."""
        if self._engine is None:
            return
        engine, self._engine = self._engine, None
        asyncio.run_coroutine_threadsafe(_end(engine), self._loop).result()
        self._guard.end()
        self._stop_loop()

    def generate(self, requests: Iterable[Request]) -> Iterator[Completion]:
        """Continues each conversation."""
        return self._each(requests, self._start_generation)

    def loglikelihood(self, requests: Iterable[LikelihoodRequest]) -> Iterator[Likelihood]:
        """Computes log-likelihoods without generating.

        Single tokens that could come next are looked up at one position, behind a prefix that is in the cache. Other
        positions are those of prompts, which vLLM computes anew for each request.
        """
        return self._each(requests, self._start_loglikelihood)

    def embed(self, requests: Iterable[EmbeddingRequest]) -> Iterator[Embedding]:
        """No hidden states are shown by vLLM; whoever embeds opens the model with another engine."""
        raise UnsupportedError("vLLM does not show a model's hidden states", "use the engine transformers")

    def _each(
        self, requests: Iterable[_AnyRequest], begin: Callable[[_AnyRequest], Coroutine[Any, Any, _Answer]]
    ) -> Iterator[_Answer]:
        def submit(request: _AnyRequest) -> Future[_Answer]:
            return asyncio.run_coroutine_threadsafe(begin(request), self._open_loop())

        return as_answered(requests, submit, lambda: self._max_running)

    def _open_loop(self) -> asyncio.AbstractEventLoop:
        if self._engine is None:
            raise EngineError("the engine is closed", "open a new one")
        return self._loop

    def _stop_loop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _start_generation(self, request: Request) -> Coroutine[Any, Any, Completion]:
        """Renders the tokens now, in the caller's thread; the coroutine asks vLLM."""
        prompt_tokens = self._max_tokens - request.sampling.max_new_tokens
        try:
            ids = self.template.prompt(request.messages, request.answer_prefix, prompt_tokens)
        except TooLong as error:
            return _at_once(Completion(request.id, "", "error", 0, 0, 0.0, str(error)))
        return self._generate(request, ids)

    async def _generate(self, request: Request, ids: tuple[int, ...]) -> Completion:
        sampling = request.sampling
        output = await self._ask(
            ids,
            max_tokens=sampling.max_new_tokens,
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            seed=sampling.seed,
            stop_token_ids=list(self.template.stop_ids),
            logprobs=0,  # of the tokens written, and of no others beside them
        )
        (generated,) = output.outputs
        finish: FinishReason = "stop" if generated.finish_reason == "stop" else "length"
        text, count = self.template.decode(generated.token_ids), len(generated.token_ids)
        return Completion(request.id, text, finish, len(ids), count, float(generated.cumulative_logprob))

    def _start_loglikelihood(self, request: LikelihoodRequest) -> Coroutine[Any, Any, Likelihood]:
        try:
            return self._read(request.id, to_rows(self.template, self._max_tokens, request))
        except TooLong as error:
            return _at_once(Likelihood(request.id, error=str(error)))

    async def _read(self, request_id: str, rows: RowRequest) -> Likelihood:
        values = await asyncio.gather(*map(self._read_row, rows.rows))
        return to_likelihood(request_id, rows, iter(values))

    async def _read_row(self, row: TokenRow) -> list[float]:
        """The log-probabilities at the positions of a row, then those of its choices."""
        groups = [row.choices[at : at + _CHOICES] for at in range(0, len(row.choices), _CHOICES)] or [()]
        lookups = [self._lookup(row.ids, row.positions if group is groups[0] else (), group) for group in groups]
        return [value for values in await asyncio.gather(*lookups) for value in values]

    async def _lookup(self, ids: tuple[int, ...], positions: tuple[int, ...], choices: tuple[int, ...]) -> list[float]:
        if not positions and not choices:
            return []
        output = await self._ask(
            ids,
            max_tokens=1,  # the fewest: what is asked stands in the prompt, or in the choices for this one
            temperature=0.0,
            prompt_logprobs=0 if positions else None,
            logprob_token_ids=list(dict.fromkeys(choices)) or None,
        )
        values = [output.prompt_logprobs[position][ids[position]].logprob for position in positions]
        if choices:
            next_token = output.outputs[0].logprobs[0]
            values += [next_token[token].logprob for token in choices]
        return values

    async def _ask(self, ids: tuple[int, ...], **params: object) -> Any:
        """One request to vLLM, whole when it is done."""
        sampling = SamplingParams(
            **params, detokenize=False, flat_logprobs=True, output_kind=RequestOutputKind.FINAL_ONLY
        )
        self._asked += 1
        result = None
        try:
            async for output in self._engine.generate(tokens_input(list(ids)), sampling, str(self._asked)):
                result = output
        except VLLMError as error:
            raise EngineError(f"vLLM has failed ({_line(error)})", "see what it says above") from None
        return result


def open_model(path: Path, identity: str, settings: ModelSettings) -> VllmEngine:
    """The model of a folder, in processes that vLLM starts."""
    return VllmEngine(path, identity, settings)


async def _start(arguments: AsyncEngineArgs) -> Any:
    return AsyncLLMEngine.from_engine_args(arguments, usage_context=UsageContext.LLM_CLASS)


def _processes() -> set[psutil.Process]:
    """Those that vLLM has started, of any engine."""
    return {child for child in psutil.Process().children(recursive=True) if child.name().startswith("VLLM")}


async def _end(engine: Any) -> None:
    engine.shutdown()
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _at_once(ready: _Answer) -> _Answer:
    return ready


def _line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
