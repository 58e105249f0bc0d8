"""Wire formats in both directions: what a client sends is what the server reads. Nothing here does I/O."""
