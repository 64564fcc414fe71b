"""What `humpback select` says of the pairs that it leaves out."""

import json

from humpback.config import Config
from humpback.standalone.rate import select_files


def test_select_says_in_words_why_pairs_were_left_out(tmp_path):
    pairs, ratings = tmp_path / "pairs.jsonl", tmp_path / "ratings.jsonl"
    rows = [{"id": f"p{n}", "instruction": f"Explain tide {n}.", "response": "Because. " * (n + 3)} for n in range(4)]
    candidates = [{**row, "segment_id": "", "document_id": "", "source": "tides.md", "title_path": [], "model": "m",
                   "log_probability": 0.0} for row in rows]  # fmt: skip
    rated = [{"id": f"p{n}", "iteration": 1, "scorer": "calibrated", "model": "m", "state": "scored", "score": 4.0 - n,
              "reply": f"suspicion={n}.00 closing=-{n}.50 ending=+0.10", "finish_reason": "stop"} for n in range(3)
    ]  # fmt: skip
    for path, content in ((pairs, candidates), (ratings, rated)):
        path.write_text("".join(json.dumps(row) + "\n" for row in content), encoding="utf-8")

    config = Config.model_validate({"curate": {"select": {"top_n": 1}}})
    lines = select_files(pairs, ratings, config, tmp_path / "curated.jsonl")

    assert lines[0].endswith("curated.jsonl: 1 kept, 3 dropped: 2 below the threshold, 1 not rated")
    assert lines[1] == "worst sign of those dropped: 2 the answer stops before its end"
