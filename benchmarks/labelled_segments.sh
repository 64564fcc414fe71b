#!/usr/bin/env bash
# The segments whose candidates benchmarks/planted/candidate_labels.jsonl labels.
#
#   benchmarks/labelled_segments.sh DATA OUT
#
# DATA holds docs/{18f_blog,freecodecamp_guide,simonw_til}.jsonl.gz. Half a minute.
set -euo pipefail
if (($# < 2)); then
    sed -n '2,6p' "$0"
    exit 2
fi
root=$(realpath "$(dirname "$0")/..")
mkdir -p "$2"
for corpus in 18f_blog freecodecamp_guide simonw_til; do
    PYTHONPATH="$root/src${PYTHONPATH:+:$PYTHONPATH}" "${PYTHON:-python3}" -m humpback segment "$1/docs/$corpus.jsonl.gz" \
        --out "$2/$corpus.jsonl" --set corpus.segment.min_chars=200 --set corpus.segment.max_chars=1200
done
