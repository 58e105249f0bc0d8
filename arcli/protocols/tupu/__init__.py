"""Tupu's custom gallery (task 5c8f44ca25ade48455a63bad): RSA-signed requests, RSA-signed answers."""

CUSTOM_GALLERY = "5c8f44ca25ade48455a63bad"
