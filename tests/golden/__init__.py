"""What scripts rely on: the exit code and the machine-readable output of every command, as they were recorded."""
