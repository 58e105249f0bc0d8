"""Tupu's custom gallery (task 5c8f44ca25ade48455a63bad): RSA-signed requests, RSA-signed answers.

A new code is a line in `codes`, and an error in arcli.errors where none says the same.
"""

CUSTOM_GALLERY = "5c8f44ca25ade48455a63bad"
