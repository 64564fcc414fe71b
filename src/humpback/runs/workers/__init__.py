"""Who does the tasks of a stage: this process, processes of this machine, or actors of a Ray cluster."""
