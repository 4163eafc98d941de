"""Ways out of an index and back in: Parquet, Lance and Qdrant, each by its own client, which is an extra.

Knows the store's interface; nothing about models, searching or the terminal.
"""
