"""The client of a Tupu custom gallery as a `Gallery`: signed requests, verified answers, pictures made to
fit the limits.
"""
