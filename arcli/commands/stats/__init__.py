"""`arcli stats`: how often each target was found.

`command` takes the words, `days` the range of days, `view` shows counts.
"""

from arcli.commands.stats.command import stats as stats
