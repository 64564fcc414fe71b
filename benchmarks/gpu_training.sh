#!/usr/bin/env bash
# What a training does on one GPU, in one command of under ten minutes: held-out loss against learning rate for Gemma
# 270M on 3,200 pairs, backwards and forwards, and target tokens a second against TRL and a plain loop in bfloat16.
# Where the machine has no package index, benchmarks/gpu.sh says how wheels and models get there (pack, add).
#
#   benchmarks/gpu_training.sh OUT PAIRS [ARGUMENTS OF rates.py...]     goes on where it was stopped
#
# SECONDS_LEFT=540 stops in time; DEVICE=cpu, MODEL=..., STEPS=... make it small.
set -euo pipefail
cd "$(dirname "$0")/.."
if (($# < 2)); then
    sed -n '2,9p' "$0"
    exit 2
fi
out=$1 pairs=$2
shift 2
export PYTHONPATH="$PWD/src:${SITE:-/tmp/humpback-site}${PYTHONPATH:+:$PYTHONPATH}" PYTHONUNBUFFERED=1
export HUMPBACK_CACHE="${HUMPBACK_CACHE:-/tmp/humpback-cache}"
python=${PYTHON:-python3} device=${DEVICE:-cuda} model=${MODEL:-package:gemma3-270m}
dtype=bfloat16
if [[ $device == cpu ]]; then dtype=float32; fi
began=$SECONDS
mkdir -p "$out"
if [[ ! -s $out/training.json ]]; then
    "$python" benchmarks/training.py --pairs "$pairs" --model "$model" --device "$device" --dtype "$dtype" \
        --steps "${STEPS:-40}" --batch "${BATCH:-32}" --pack-tokens "${PACK_TOKENS:-16384}" --json "$out/training.json"
fi
"$python" benchmarks/rates.py --pairs "$pairs" --model "$model" --device "$device" --json "$out/rates.json" \
    --seconds-left "$((${SECONDS_LEFT:-36000} - SECONDS + began))" "$@"
