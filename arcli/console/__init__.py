"""Everything that deals with a terminal.

`command` and `options` are what commands are made of; `session` is one run of arcli. Output: `items` (how
each kind of item is shown), `answer` (the envelope and a command's answer), `formats` (one sink per format: a
new output format goes here), `tables`, `plotting`, `files`. Messages: `progress`, `faults`, `names`, `text`.
Input: `inputs`, `pictures`. The streams themselves: `streams`.
"""
