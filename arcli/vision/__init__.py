"""Decode, extract, match, verify, score, rate, draw: functions on arrays; no files, no database.

Pixels are (H, W, 3) uint8, BGR, upright. Points are (N, 2) x, y with the centre of the first pixel at
(0, 0), in pixels of the picture they were measured in; `geometry.scale_points` moves them to another size.
"""
