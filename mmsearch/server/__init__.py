"""The local server: a page and a JSON API over one index, answers for `mmsearch search`, and tools for language models.

The command line imports `client` and `discovery` before each search, so they import nothing heavy.
"""
