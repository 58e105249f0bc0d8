"""The recipe of a lookup: from a decoded photo and channels that can be asked for a shortlist to scored
candidates.

Here live the cascade of views, one stage of it, the verification of one candidate and the choice between
rivals. It asks a channel through a protocol of its own (`verification`): no store, no index, no files (a
contract says so), so that it can be run over features in memory.
"""
