"""Our own calls under `/arcli/v1`: administering channels and find-only keys, listing targets, returning
and rating pictures; and their OpenAPI description.
"""
