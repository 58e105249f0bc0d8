"""`arcli serve`: both protocols, our extensions, health and metrics over any Gallery."""
