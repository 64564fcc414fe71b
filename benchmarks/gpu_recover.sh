#!/usr/bin/env bash
# Recovered gain on one GPU, in pieces of any length: run the same command again to continue. benchmarks/gpu.sh says how wheels
# and models get to a machine without a package index.
#
#   benchmarks/gpu_recover.sh OUT PAIRS KIND=DOCUMENTS...      OUT/results.md has what is finished so far
#
# KIND=DOCUMENTS names a kind of distractor and its file or folder, without spaces. SECONDS_LEFT=540 stops in time; MODEL=...
# takes another model; SET="recover.ratio=10 seeds=1" changes more; PLAN=1 only says what is left.
set -euo pipefail
cd "$(dirname "$0")/.."
if (($# < 3)); then
    sed -n '2,8p' "$0"
    exit 2
fi
out=$1 pairs=$2
shift 2
kinds="" documents=()
for entry in "$@"; do
    kinds+="\"${entry%%=*}\":[\"${entry#*=}\"],"
    documents+=("${entry#*=}")
done
# A seed of 256 pairs and 1,024 planted answers: what an hour of two CPU cores cannot do.
sizes="seed.limit=656 seed.holdout_share=0.61 recover.planted=1024 sizes=[960] model.batch_tokens=65536"
export GRID="${GRID:-benchmarks/experiments/recovered.yaml}"
export SET="${SIZES-$sizes} recover.distractors={${kinds%,}} ${SET:-}"
exec benchmarks/gpu_experiment.sh "$out" "$pairs" "${documents[@]}"
