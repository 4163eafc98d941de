"""Words of texts, names and queries, in one form for all three, in any script.

`fold` makes one spelling of many, `languages` finds stems, `tokens` cuts words and writes the lines that are
indexed, `query` reads queries, and `spans` finds their words in a text, for snippets.
Knows nothing about tables and scores.
"""
