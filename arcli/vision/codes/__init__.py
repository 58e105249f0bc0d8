"""Machine-readable codes in a picture: where QR codes and bar codes are, and whether a photo shows the same
one.

Codes of one family share their marks, so keypoints take one for another; what they say is in their modules
alone. They are compared one by one, which needs no decoding and so no symbology.
"""
