"""A server as processes: start and end, and workers that share a listening socket."""
