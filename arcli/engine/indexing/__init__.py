"""The index of a channel, made of its store and its segment files: what a search runs over, and its
upkeep.

Here live the view that one search has (segments, delta, tombstones), the shortlist made from it, planning and
doing folds and merges, the process that builds large segments, and the check of all of it. It uses the store
and `arcli.index`; it knows nothing of photos, verification or scores.
"""
