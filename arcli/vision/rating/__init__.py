"""How well a picture will be found, told from the picture alone: level, reasons, advice, rules of
services.
"""
