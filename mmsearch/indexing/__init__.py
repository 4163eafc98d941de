"""From files to decoded contents, in this process or in workers, and from contents to batches for the model.

Knows the scan and the media package, nothing of the index, the model's insides or the terminal.
"""
