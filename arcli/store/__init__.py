"""The truth: the catalog of channels, one store per channel and match counts, on SQLite.

It stores bytes and knows nothing of arrays.
"""
