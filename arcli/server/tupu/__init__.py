"""Tupu's calls as routes: admission, what the pictures show, the signed answer, links to pictures."""
