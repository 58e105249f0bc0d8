"""Our own calls under `/arcli/v1`: channels and find-only keys are administered, targets listed, pictures
given back and rated; and their OpenAPI description.
"""
