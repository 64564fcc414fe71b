#!/usr/bin/env bash
# The candidates that benchmarks/planted/candidate_labels.jsonl labels: three corpora, three backward models, 34 to 38 of each.
#
#   benchmarks/labelled_candidates.sh DATA OUT
#
# DATA holds docs/{18f_blog,freecodecamp_guide,simonw_til}.jsonl.gz and seed/{dolly15k,oasst1_en_validation_top}.jsonl.gz.
# OUT gets candidates-{a,b,c}.jsonl, the backward models myx-{a,b,c}, and forward models m0-{smol,gemma} to score with.
# Run it again to continue. A quarter of an hour on one core. In bfloat16 what a model writes depends on its batch: with the same
# shards and the same models 18 of 18 candidates came out the same, with other shards 5 of 6.
set -euo pipefail
if (($# < 2)); then
    sed -n '2,9p' "$0"
    exit 2
fi
data=$(realpath "$1") python=${PYTHON:-python3}
PYTHONPATH="$(realpath "$(dirname "$0")/../src")${PYTHONPATH:+:$PYTHONPATH}"
export PYTHONPATH
mkdir -p "$2"
cd "$2"

corpora=(18f_blog freecodecamp_guide simonw_til)
for corpus in "${corpora[@]}"; do
    "$python" -m humpback segment "$data/docs/$corpus.jsonl.gz" --out "segments-$corpus.jsonl" \
        --set corpus.segment.min_chars=200 --set corpus.segment.max_chars=1200 --set corpus.limit=135 --set run.seed=1
done
third=0
for writer in a b c; do # other segments for each
    for corpus in "${corpora[@]}"; do
        awk "NR % 3 == $third" "segments-$corpus.jsonl" | sed -n 1,38p
    done >"segments-$writer.jsonl"
    third=$((third + 1))
done

zcat "$data/seed/dolly15k.jsonl.gz" | sed -n 1,3000p >pairs-a.jsonl # of which seed.limit draws 256
"$python" - "$data/seed" <<'PAIRS'
import gzip, json, sys


def pairs(name, first, last, longest):
    for number, line in enumerate(gzip.open(f"{sys.argv[1]}/{name}.jsonl.gz", "rt", encoding="utf-8"), 1):
        row = json.loads(line)
        pair = {"instruction": row["instruction"], "response": row["response"]}
        if first <= number <= last and not row["context"] and 150 <= sum(map(len, pair.values())) <= longest:
            yield json.dumps(pair) + "\n"


mixed = [*pairs("oasst1_en_validation_top", 1, 186, 700)][:64]
open("pairs-b.jsonl", "w").writelines([*mixed, *pairs("dolly15k", 6001, 9000, 600)][:256])
open("pairs-c.jsonl", "w").writelines([*pairs("dolly15k", 3001, 6000, 500)][:192])
PAIRS

train() { # its name, pairs, their number, base model, direction, epochs
    local settings=() setting
    for setting in method=lora learning_rate=0.001 final_learning_rate=0.0001 dropout=0.0 "epochs=$6" batch_size=8; do
        settings+=(--set "$5.$setting")
    done
    "$python" -m humpback finetune "$2" --model "$4" --direction "$5" --out "$1" --set "seed.limit=$3" "${settings[@]}" \
        --set model.dtype=bfloat16 --set model.max_tokens=640 --set seed.without_context=true --set run.seed=0
}
instruct() {
    "$python" -m humpback instruct "segments-$1.jsonl" --model "myx-$1" --out "candidates-$1.jsonl" \
        --dropped "dropped-$1.jsonl" --set model.dtype=bfloat16 --set run.shard_rows=19 --set run.seed=0
}
train myx-a pairs-a.jsonl 256 package:smollm2-135m-instruct backward 2
instruct a
train myx-c pairs-c.jsonl 192 package:gemma3-270m backward 1
instruct c
train myx-b pairs-b.jsonl 0 package:smollm2-135m-instruct backward 2
instruct b
train m0-smol pairs-a.jsonl 64 package:smollm2-135m-instruct forward 2
train m0-gemma pairs-c.jsonl 96 package:gemma3-270m forward 2
