"""`arcli stats`: how often each target was found.

`command` has the options, `days` reads the range of days, `view` shows counts.
"""

from arcli.commands.stats.command import stats as stats
