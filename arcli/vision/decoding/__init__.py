"""Untrusted bytes to pixels, by Pillow: one entrance, limits, and separate processes for unusual pictures.

A new picture format is added in arcli.filetypes (its first bytes) and in `pillow` (the class that opens it);
`raster` turns the result into upright BGR. Nothing but this folder imports Pillow.
"""
