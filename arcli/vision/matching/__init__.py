"""Features of a photo against those of one target: tentative matches, agreement, homography, exact place."""
