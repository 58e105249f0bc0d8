"""Galleries that somebody else keeps: ARCloud and Tupu services over one HTTP transport."""
