"""Untrusted bytes to pixels by Pillow: one way in, limits, and separate processes for unusual pictures.

A new picture format is added in arcli.filetypes (its first bytes) and in `pillow` (the class that opens
it); `raster` brings what comes out to upright BGR. Nothing but this folder imports Pillow.
"""
