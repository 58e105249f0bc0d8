"""A server as processes: its start and end, and workers that share a listening socket."""
