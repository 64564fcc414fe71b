"""What a run is and how it is carried out: stages as data, recipes, status, the executor, the run folder.

Takes a plan (stages in order), a run folder and settings; brings every stage to 'done' and never does finished work
again. `stage` says what a stage is, `recipe` what decides its result, `status` what is done, `executor` carries
a plan out, `tasks` and `shuffle` cut a stage's work into tasks, `workers` do them, `inputs` is what a stage may read,
`store` owns the disk.
"""
