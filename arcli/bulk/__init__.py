"""Many pictures at once: manifests, identifiers, resumable loads, sync, export and statistics files.

It knows only ``Gallery``, so all of it works alike on local and remote galleries.
"""
