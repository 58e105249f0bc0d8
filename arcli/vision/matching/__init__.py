"""Comparing a photo's features with one target's: tentative matches, agreement, homography, exact place."""
