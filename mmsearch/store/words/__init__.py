"""Words of texts, names and queries, in one form for all three, in any script.

`fold` makes one spelling of many, `pieces` cuts text, `languages` finds stems, `tokens` writes the lines that are
indexed, `query` reads queries, and `spans` finds their words in a text. Knows nothing about tables and scores.
"""
