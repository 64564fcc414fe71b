"""What answers requests: one file for each way of running a language model."""
