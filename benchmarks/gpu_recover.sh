#!/usr/bin/env bash
# Recovered gain on one GPU, in pieces of any length: run the same command again to continue. benchmarks/gpu.sh says how wheels
# and models get to a machine without a package index.
#
#   benchmarks/gpu_recover.sh OUT PAIRS KIND=DOCUMENTS...      OUT/results.md has what is finished so far
#
# KIND=DOCUMENTS names a kind of distractor and its file or folder, without spaces. SECONDS_LEFT=540 stops in time; MODEL=...
# takes another model; ARMS="chosen recipe" only these; PROCESSES=4 share the arms; SET="recover.ratio=10 seeds=1" changes more;
# PLAN=1 only says what is left.
set -euo pipefail
cd "$(dirname "$0")/.."
if (($# < 3)); then
    sed -n '2,9p' "$0"
    exit 2
fi
out=$1 pairs=$2
shift 2
export GRID="${GRID:-benchmarks/experiments/recovered_gpu.yaml}"
if [[ -n ${PLAN:-} ]]; then
    kinds="" documents=()
    for entry in "$@"; do
        kinds+="\"${entry%%=*}\":[\"${entry#*=}\"],"
        documents+=("${entry#*=}")
    done
    export SET="recover.distractors={${kinds%,}} ${SET:-}"
    exec benchmarks/gpu_experiment.sh "$out" "$pairs" "${documents[@]}"
fi
export PYTHONPATH="$PWD/src:${SITE:-/tmp/humpback-site}${PYTHONPATH:+:$PYTHONPATH}" PYTHONUNBUFFERED=1
export HUMPBACK_CACHE="${HUMPBACK_CACHE:-/tmp/humpback-cache}" OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"
arguments=(--grid "$GRID" --out "$out" --pairs "$pairs" --distractors "$@" --processes "${PROCESSES:-4}"
    --seconds-left "${SECONDS_LEFT:-36000}")
if [[ -n ${ARMS:-} ]]; then read -ra arms <<<"$ARMS" && arguments+=(--arms "${arms[@]}"); fi
if [[ -n ${MODEL:-} ]]; then arguments+=(--set "model.name=$MODEL"); fi
for change in ${SET:-}; do arguments+=(--set "$change"); done
exec "${PYTHON:-python3}" benchmarks/recovered_gain.py "${arguments[@]}"
