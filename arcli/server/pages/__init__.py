"""The web pages `/scan` and `/gallery` and the module arcli.js: `web` holds their files as they are served
(no build step, so the two pages repeat their head), `samples` the pictures of the demonstration; `static`
makes them routes.
"""
