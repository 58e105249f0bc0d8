"""The recipe of a lookup: from a decoded photo and channels that can be asked for a shortlist to verified
candidates.

The walk of a photo: `recognize` chooses one view after another (`photo_view`), each is searched once
(`view_search`), which verifies targets (`verification`) and lets look-alikes compete (`rivals`). A channel is
asked through a protocol (`candidates.SearchedChannel`): no store, no index, no files (a contract says so), so
that the recipe can be run over features in memory.
"""
