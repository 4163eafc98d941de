"""One index as tools for language models: `evidence` answers in plain data, `tools` speaks the protocol.

Only `tools` needs the SDK, which comes with the extra `mcp`.
"""
