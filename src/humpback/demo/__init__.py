"""Data that ships: `demo_seed.jsonl`, instruction-response pairs written for trying things out."""
