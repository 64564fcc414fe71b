"""Intervals and comparisons: the bootstrap, paired differences, Wilson."""
