"""Nearest descriptors and the votes they cast: arrays and segment files, no database and no pictures."""
