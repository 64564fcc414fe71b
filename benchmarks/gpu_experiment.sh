#!/usr/bin/env bash
# An experiment on one GPU, in pieces of any length: the same command goes on where it was stopped, within a training too.
# Where the machine has no package index, benchmarks/gpu.sh says how wheels and models get there (pack, add).
#
#   benchmarks/gpu_experiment.sh OUT PAIRS DOCUMENTS...      OUT/results.md has what is finished so far
#
# SECONDS_LEFT=540 stops in time; GRID=benchmarks/experiments/small.yaml takes another grid, MODEL=... another model;
# SET="measures=[heldout,ifeval] ifeval.prompts=ifeval.jsonl" changes more; PLAN=1 only says what is left and roughly how
# long it takes.
set -euo pipefail
cd "$(dirname "$0")/.."
if (($# < 3)); then
    sed -n '2,9p' "$0"
    exit 2
fi
out=$1 pairs=$2
shift 2
documents=$(printf '"%s",' "$@")
export PYTHONPATH="$PWD/src:${SITE:-/tmp/humpback-site}${PYTHONPATH:+:$PYTHONPATH}" PYTHONUNBUFFERED=1
export HUMPBACK_CACHE="${HUMPBACK_CACHE:-/tmp/humpback-cache}"
arguments=(experiment "${GRID:-benchmarks/experiments/paper.yaml}" --out "$out" --set "seed.source=$pairs"
    --set "corpus.documents=[${documents%,}]")
if [[ -n ${MODEL:-} ]]; then arguments+=(--set "model.name=$MODEL"); fi
for change in ${SET:-}; do arguments+=(--set "$change"); done
if [[ -n ${PLAN:-} ]]; then arguments+=(--plan); fi
# 137: stopped in time, as asked.
timeout --signal=KILL "${SECONDS_LEFT:-36000}" "${PYTHON:-python3}" -m humpback "${arguments[@]}" || { (($? == 137)) && [[ -n ${SECONDS_LEFT:-} ]]; }
if [[ -z ${PLAN:-} && -f $out/results.md ]]; then sed -n '3p' "$out/results.md"; fi
