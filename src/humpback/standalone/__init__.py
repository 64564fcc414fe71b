"""Each stage as a command of its own, on anybody's files.

Every command that spends a model's time is a plan of the method's stages, carried out by the one executor (`work`) in a
folder beside its output: it can be killed and run again, as a run can. `output` refuses to overwrite what something
else made, `tables` reads the user's rows as the first stage. Each other module is a command, or a group of them.
"""
