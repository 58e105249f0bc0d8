"""`arcli sync`: make a channel equal to a source.

`sync_command` has the options, `wanted_targets` opens the source, `sync_run` compares, asks, applies
and reports.
"""

from arcli.commands.sync.sync_command import sync as sync
