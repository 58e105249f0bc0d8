"""Pixels to local features: SIFT at a limited size, presets that turn descriptors into codes, views from
the side.
"""
