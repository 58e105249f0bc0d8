"""Tupu's calls as routes: who may ask, what the pictures show, the signed answer, links to pictures."""
