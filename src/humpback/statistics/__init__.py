"""Intervals and comparisons, each once: the bootstrap, paired differences, Wilson's interval, ranks."""
