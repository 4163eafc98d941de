"""One index as tools for language models: `evidence` answers in plain data, `server` speaks the protocol.

Only `server` needs the SDK, and only it is of the extra `mcp`.
"""
