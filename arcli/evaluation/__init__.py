"""Recognition measured on one's own photos: what is found, what is mistaken, at which threshold."""
