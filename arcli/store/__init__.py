"""The truth: the catalog of channels, one store per channel and match counts, on SQLite.

It moves bytes, not arrays.
"""
