"""Experiments: a grid of ways to train, each a plan of the same stages, with everything they share computed once.

Takes the settings of an experiment and a run folder, and gives tables, figures and intervals. `plan` makes the stages
of the grid, with `renamed` for a stage of the method under another name. `measures` measures a model (`following` and
`winning` by a program and by a judge of its answers). `carry` runs the grid cell by cell, `forecast` estimates how long
that takes, `results` compares, `selections` describes what was trained on, `tables` and `figures` show the results.
"""
