"""Documents to self-contained segments."""
