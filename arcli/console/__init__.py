"""Everything that deals with a terminal.

`typer_classes` and `options` are what commands are made of; `session` is one run of arcli. Output: `items`
(how each kind of item is shown), `answer` (the envelope and a command's answer), `formats`,
`tables`, `plotting`, `files`. Messages: `progress`, `faults`, `names`, `text`.
Input: `inputs`, `pictures`. The streams themselves: `streams`.

A new output format is a sink in `formats`, its name in `Format` and its line in `SINKS` there.
"""
