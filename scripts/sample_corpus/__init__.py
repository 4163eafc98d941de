"""Makes `sample_corpus/`: the drawing, rendering, synthesis and writing of every file in it.

Not part of the installed package. Knows nothing of mmsearch, its models or their training data.
"""
