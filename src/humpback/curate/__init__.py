"""Scores for candidates, and the choice of what to keep."""
