"""Nearest descriptors and the votes they cast: arrays and segment files; knows no database and no picture."""
