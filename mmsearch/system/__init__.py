"""The operating system, files and processes, for everything else: knows nothing of media, models or indexes."""
