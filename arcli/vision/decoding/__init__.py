"""Untrusted bytes to pixels: header readers, limits, one decoder a family of formats.

A new picture format is added here: a reader of its header, its entry in `header`, and a decoder in `pixels`
or a file of its own where an optional package does it.
"""
