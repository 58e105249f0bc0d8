"""Make a channel equal to a folder, a manifest or another channel."""
