"""arcli: image-recognition galleries at a shell, in process and over the wire."""

__version__ = "0.1.0"
