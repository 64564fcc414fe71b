"""Data that ships, written for trying things out: `demo_seed.jsonl`, instruction-response pairs, and `documents`."""
