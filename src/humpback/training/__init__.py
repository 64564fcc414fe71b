"""Pairs to models: one path for backward and forward, on TRL."""
