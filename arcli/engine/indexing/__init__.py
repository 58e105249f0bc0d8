"""The index of a channel as its store and its segment files make it: what a search runs over, and its
upkeep.

Here live the view that one search has (segments, delta, tombstones), the shortlist made from it, the plan
and the carrying out of folds and merges, the process that builds large segments, and the check of all of
it. It knows the store and `arcli.index`; it knows nothing of photos, verification or scores.
"""
