"""Experiments: a grid of ways to train, each a plan of the same stages, with everything they share computed once.

Takes the settings of an experiment and a run folder, and gives tables, figures and intervals. `renamed` puts a stage of
the method under another name, `plan` lays the grid out as stages, `measures` says what is measured of a model (with
`following` and `winning` for what a program or a judge says of its answers), `carry` carries the grid out cell by cell,
`forecast` says beforehand what that means, `results` compares, `selections` says what was trained on, `tables` and
`figures` show.
"""
