"""What else runs a small model on a CPU from a wheel, on prompts that lie ready as tokens: one engine in each call.

Started by benchmarks/cpu_engines.py, each engine by an interpreter that has it: `llama` (xllamacpp, with a GGUF file),
`ctranslate2` (with transformers, which its converter needs), `openvino` (openvino-genai, optimum-intel), `onnx`
(onnxruntime-genai; onnx-ir, torch and transformers for its converter). Writing is sampled as ours is; reading is one
token behind each prompt, with the likeliest ones' log-probabilities. Conversion of the model's folder is timed. Prints
JSON for each part.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

Written = tuple[int, int]
"""Rows answered, tokens written."""


def timed(part: str, work: Callable[[], Written | None]) -> None:
    """Prints the seconds of a part, those of children included."""
    wall, cpu = time.perf_counter(), sum(os.times()[:4])
    rows, tokens = work() or (0, 0)
    spent = {"wall_s": time.perf_counter() - wall, "cpu_s": sum(os.times()[:4]) - cpu, "rows": rows, "tokens": tokens}
    print("RESULT " + json.dumps({"part": part} | spent), flush=True)


def llama(spec: dict[str, Any]) -> None:
    """llama.cpp's server without a network, eight slots, each of which keeps what its prompts begin with."""
    import xllamacpp

    slots = 8
    params = xllamacpp.CommonParams()
    params.model.path = spec["gguf"]
    params.n_parallel, params.n_ctx, params.n_batch = slots, slots * spec["max_tokens"], 2048
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = spec["threads"]
    params.warmup, params.verbosity = False, -1
    server = xllamacpp.Server(params)

    def ask(body: dict[str, Any]) -> int:
        found = server.handle_completions(body)
        return int(found["usage"]["completion_tokens"])

    def run(name: str, options: dict[str, Any]) -> Written:
        bodies = [{"prompt": ids, "seed": seed, **options} for seed, ids in enumerate(spec[name])]
        with ThreadPoolExecutor(slots) as threads:
            counts = list(threads.map(ask, bodies))
        return len(counts), sum(counts)

    sampled = {"temperature": 0.7, "top_p": 0.9, "top_k": 0, "min_p": 0, "n_predict": spec["new_tokens"]}
    timed("write", lambda: run("write", sampled))
    timed("read", lambda: run("read", {"temperature": 0, "n_predict": 1, "logprobs": 20}))


def ctranslate2(spec: dict[str, Any]) -> None:
    """CTranslate2 in the type that is asked for; it shares a beginning in reading."""
    import ctranslate2 as engine
    from ctranslate2.converters import TransformersConverter
    from transformers import AutoTokenizer

    kind = {"bfloat16": "bfloat16", "float32": "float32"}[spec["dtype"]]
    out = spec["work"] + "/ctranslate2"
    timed("convert", lambda: TransformersConverter(spec["model"]).convert(out, quantization=kind, force=True) and None)
    tokenizer = AutoTokenizer.from_pretrained(spec["model"])
    generator = engine.Generator(out, device="cpu", compute_type=kind, intra_threads=spec["threads"], inter_threads=1)
    batch: dict[str, Any] = {"max_batch_size": 8192, "batch_type": "tokens", "include_prompt_in_result": False}

    def run(rows: list[list[int]], **options: Any) -> Written:
        found = generator.generate_batch([tokenizer.convert_ids_to_tokens(ids) for ids in rows], **batch, **options)
        return len(found), sum(len(one.sequences_ids[0]) for one in found)

    shared = spec["shared"]
    begin = tokenizer.convert_ids_to_tokens(spec["read"][0][:shared])
    sampled = {"sampling_topk": 0, "sampling_topp": 0.9, "sampling_temperature": 0.7, "end_token": spec["stop"]}
    timed("write", lambda: run(spec["write"], max_length=spec["new_tokens"], **sampled))
    timed("read", lambda: run([ids[shared:] for ids in spec["read"]], max_length=1, return_scores=True,
                              static_prompt=begin))  # fmt: skip


def openvino(spec: dict[str, Any]) -> None:
    """OpenVINO GenAI with continuous batching and prefix caching."""
    import numpy as np
    import openvino as base
    import openvino_genai as genai

    out = spec["work"] + "/openvino"
    tool = Path(sys.executable).parent / "optimum-cli"
    command = [str(tool), "export", "openvino", "-m", spec["model"], "--task", "text-generation-with-past",
               "--weight-format", "fp32", out]  # fmt: skip
    timed("convert", lambda: subprocess.run(command, check=True, capture_output=True) and None)
    plan = genai.SchedulerConfig()
    plan.enable_prefix_caching, plan.max_num_seqs, plan.max_num_batched_tokens, plan.cache_size = True, 64, 2048, 2
    precision = {"bfloat16": "bf16", "float32": "f32"}[spec["dtype"]]
    hints = {"INFERENCE_PRECISION_HINT": precision, "INFERENCE_NUM_THREADS": spec["threads"]}
    pipeline = genai.ContinuousBatchingPipeline(out, plan, "CPU", hints)

    def options(seed: int, new: int) -> Any:
        found = genai.GenerationConfig()
        found.max_new_tokens, found.rng_seed, found.do_sample = new, seed, new > 1
        found.stop_token_ids = set(spec["stop"])
        if new > 1:
            found.temperature, found.top_p = 0.7, 0.9
        else:
            found.logprobs = 20
        return found

    def run(name: str, new: int) -> Written:
        prompts = [base.Tensor(np.array([ids], dtype=np.int64)) for ids in spec[name]]
        found = pipeline.generate(prompts, [options(seed, new) for seed in range(len(prompts))])
        return len(found), sum(len(one.m_generation_ids[0]) for one in found)

    timed("write", lambda: run("write", spec["new_tokens"]))
    timed("read", lambda: run("read", 1))


def onnx(spec: dict[str, Any]) -> None:
    """ONNX Runtime GenAI: batches of 8 by length in writing; reading goes back to the end of what prompts share."""
    import numpy as np
    import onnxruntime_genai as genai

    if spec["dtype"] != "float32":
        raise SystemExit("ONNX Runtime computes in float32 on a CPU")
    out = spec["work"] + "/onnx"
    command = [sys.executable, "-m", "onnxruntime_genai.models.builder", "-m", "model", "-i", spec["model"], "-o", out,
               "-p", "fp32", "-e", "cpu"]  # fmt: skip
    timed("convert", lambda: subprocess.run(command, check=True, capture_output=True) and None)
    pad = 0  # what fills rows up is told by its id, so that it must stand in no prompt; the model's own pad ends turns
    config = genai.Config(out)
    threads = {"intra_op_num_threads": spec["threads"]}
    config.overlay(json.dumps({"model": {"pad_token_id": pad, "decoder": {"session_options": threads}}}))
    model = genai.Model(config)

    def begun(rows: list[list[int]], new: int, **options: Any) -> Any:
        width = max(map(len, rows))
        params = genai.GeneratorParams(model)
        params.set_search_options(batch_size=len(rows), max_length=width + new, **options)
        generator = genai.Generator(model, params)
        generator.append_tokens(np.array([row + [pad] * (width - len(row)) for row in rows], dtype=np.int32))
        return generator

    sampled = {"do_sample": True, "temperature": 0.7, "top_p": 0.9, "top_k": 0}

    def write() -> Written:
        prompts, tokens = sorted(spec["write"], key=len), 0
        for start in range(0, len(prompts), 8):
            rows = prompts[start : start + 8]
            generator = begun(rows, spec["new_tokens"], random_seed=start, **sampled)
            going = [True] * len(rows)
            while any(going) and not generator.is_done():
                generator.generate_next_token()
                tokens += sum(going)
                going = [on and int(id_) not in spec["stop"] for on, id_ in zip(going, generator.get_next_tokens(),
                                                                               strict=True)]  # fmt: skip
        return len(prompts), tokens

    def read() -> Written:
        shared = spec["shared"]
        generator = begun([spec["read"][0][:shared]], spec["max_tokens"] - shared, do_sample=False)
        for ids in spec["read"]:
            generator.append_tokens(np.array([ids[shared:]], dtype=np.int32))
            generator.get_logits()
            generator.rewind_to(shared)
        return len(spec["read"]), len(spec["read"])

    timed("write", write)
    timed("read", read)


if __name__ == "__main__":
    contestants = {"llama": llama, "ctranslate2": ctranslate2, "openvino": openvino, "onnx": onnx}
    contestants[sys.argv[1]](json.loads(Path(sys.argv[2]).read_text()))
