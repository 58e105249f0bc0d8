"""How well a picture will be found, judged by the picture alone: level, reasons, advice, rules of
services.
"""
