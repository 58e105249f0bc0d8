"""Nearest descriptors and the votes they cast: arrays and segment files, no database and no pictures.

A new kind of index is one file here (a `DescriptorIndex` and an `IndexWriter` of `seam`), its name in
`IndexKind` and its line in `segment.KINDS`; upkeep, voting and the store know no kind by name.
"""
