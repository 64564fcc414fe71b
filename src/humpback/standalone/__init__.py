"""Each stage as a command of its own, on anybody's files: JSONL or Parquet in and out."""
