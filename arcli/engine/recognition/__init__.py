"""The recipe of a lookup: from a decoded photo, and channels that give shortlists, to verified candidates.
The path of a photo: `recognize` chooses one view after another (`photo_view`), each is searched once
(`view_search`), which verifies targets (`verification`) and lets look-alikes compete (`rivals`). A channel is
accessed through a protocol (`candidates.SearchedChannel`): no store, no index, no files (an import contract
ensures this), so that the recipe can run on features in memory.
"""
