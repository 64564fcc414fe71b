"""Stored artefacts to one self-contained HTML file.

Takes iterators of records and plain facts, counts them in bounded memory (`statistics`, `losses`, `samples`) and
renders the result (`render`). The page loads nothing, runs nothing and trusts no text that came from a document.
Knows no path of a run.
"""
