"""The engine over a cluster: the same recognition, over the store on PostgreSQL and the index in Milvus.

`gallery` opens it, `channels` are its channels, `delta` searches what Milvus does not have yet beside what it
has, and `carrier` brings the one into the other.
"""
