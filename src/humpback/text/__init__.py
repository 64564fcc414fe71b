"""What texts have in common: shingles, and the evaluation prompts that a text holds."""
