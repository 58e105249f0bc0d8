"""Machine-readable codes in a picture: where QR codes and bar codes are, and whether a photo shows the same
one.

Codes of one family share their marks, so keypoints confuse them; only their modules distinguish them. The
modules are compared one by one, which needs no decoding and no knowledge of the symbology.
"""
