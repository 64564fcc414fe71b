"""Measures of models on held-out pairs."""
