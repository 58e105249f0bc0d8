"""A server as a process: start and end, and workers that share a listening socket."""
