"""Many pictures at once: manifests, identifiers, resumable loads, sync, export and statistics files.

It uses only ``Gallery``, so all of it works the same on local and remote galleries.
"""
