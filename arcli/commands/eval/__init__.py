"""`arcli eval`: how well are one's own photos recognised?

`eval_command` has the options and looks the photos up, `searched_channels` opens the channels to search,
`report_views` shows the numbers.
"""

from arcli.commands.eval.eval_command import eval as eval  # noqa: A004 (the verb is fixed)
