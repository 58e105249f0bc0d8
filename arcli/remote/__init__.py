"""Galleries kept by services: ARCloud and Tupu, over one HTTP transport."""
