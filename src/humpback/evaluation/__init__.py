"""Measures: held-out likelihood, win rates, agreement with labels, scaling, diversity, suites of questions."""
