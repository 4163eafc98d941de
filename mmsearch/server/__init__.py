"""The local server: a page and a JSON API over one index, answers for `mmsearch search`, and tools for language models.

The command line imports `client` and `discovery` before a search if there is a server: they import nothing heavy.
"""

SERVER_FILE = "serve.json"
"""The file in the index that says where its server is."""
