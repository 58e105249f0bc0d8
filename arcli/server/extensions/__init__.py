"""Our own calls under `/arcli/v1`, the administration of channels among them, and their OpenAPI
description.
"""
