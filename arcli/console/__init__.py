"""All that knows of a terminal.

`command` and `options` are what commands are made of, `session` is one run of arcli. Data out: `items` (how
a kind of item is shown), `answer` (the envelope and what a command answers), `formats` (a sink each: here a
new output format goes), `tables`, `plotting`, `files`. Words: `progress`, `faults`, `names`, `text`. In:
`inputs`, `pictures`; the streams themselves: `streams`.
"""
