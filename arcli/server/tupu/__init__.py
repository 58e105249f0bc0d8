"""Tupu's calls as routes: who may ask, what the pictures show, and the signed answer."""
