"""The web pages in a real headless Chromium: `make pages` runs these."""
