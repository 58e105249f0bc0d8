"""ARCloud's seven calls as routes. Shapes and return codes are in `arcli.protocols.arcloud`."""
