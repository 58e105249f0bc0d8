"""`arcli sync`: make a channel equal to a source.

`command` has the options, `source` opens the source, `sync_run` compares, asks, applies and reports.
"""

from arcli.commands.sync.command import sync as sync
