"""Galleries kept by services: ARCloud and Tupu, over one HTTP transport.

A new backend is a wing here with a class that is a `Gallery`, over `http` and wire shapes in
arcli.protocols; its name in `Kind`, its line in arcli.connect and its harness in the contract suite.
"""
