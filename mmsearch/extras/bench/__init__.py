"""Speed and memory of models: each in a process of its own, cell by cell, a table at the end.

`job` says what is measured and what comes of it, `process` starts the processes and puts the table together, `worker`
is what they run, `measure` and `inputs` do the measuring, `advice`, `report` and `plot` tell of it. Knows nothing of
the command line, and of models only their interface.
"""
