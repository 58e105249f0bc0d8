"""`arcli stats`: how often each target was found.

`stats_command` has the options, `days` reads the range of days, `count_views` shows counts.
"""

from arcli.commands.stats.stats_command import stats as stats
