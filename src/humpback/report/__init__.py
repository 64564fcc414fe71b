"""Stored artefacts to one self-contained HTML file."""
