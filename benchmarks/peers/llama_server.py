"""llama.cpp's own server, from the package xllamacpp, for one GGUF file. Serves until it is killed.

    python benchmarks/peers/llama_server.py model.gguf PORT [SLOTS [TOKENS]]

TOKENS is what each slot holds, prompt and answer together.
"""

from __future__ import annotations

import sys
import time

import xllamacpp


def main() -> None:
    gguf, port, *bounds = sys.argv[1:]
    slots, tokens = [*map(int, bounds), *(2, 2048)[len(bounds) :]]
    params = xllamacpp.CommonParams()
    params.model.path, params.model_alias = gguf, ["small"]
    params.hostnames, params.port = ["127.0.0.1"], int(port)
    params.n_parallel, params.n_ctx = slots, slots * tokens
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    params.n_threads_http = slots + 2
    params.warmup, params.verbosity = False, 0
    server = xllamacpp.Server(params)
    print(server.listening_address, flush=True)
    while True:
        time.sleep(3600)


if __name__ == "__main__":
    main()
