"""Untrusted bytes to pixels by Pillow: one door, limits, and processes of their own for what is not ordinary.

A new picture format is added in arcli.filetypes (its first bytes) and in `pillow` (the class that opens
it); `raster` brings what comes out to upright BGR. Nothing but this folder imports Pillow.
"""
