"""Trains the model that mmsearch ships: pictures, sound and text in one space, and a reranker; see README.md here."""
