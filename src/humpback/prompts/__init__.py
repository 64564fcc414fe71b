"""Prompt texts, their renderer and the rating parser."""
