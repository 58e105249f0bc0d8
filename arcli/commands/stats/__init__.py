"""`arcli stats`: how often each target was found.

`command` has the options, `days` reads the range of days, `count_views` shows counts.
"""

from arcli.commands.stats.command import stats as stats
