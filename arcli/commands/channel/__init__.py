"""`arcli channel …`: make, show, change and remove channels.

`verbs` has its commands, `settings` their options, `view` shows channels.
"""

from arcli.commands.channel.verbs import app as app
