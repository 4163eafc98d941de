"""The local server: a page and a JSON API over one index, and the warm end of `mmsearch search`.

What a client of it needs (`warm`, `presence`) imports nothing heavy, so this file does not either.
"""
