"""`arcli channel …`: make, look at, set and remove channels.

`verbs` are its commands, `settings` their options, `view` shows channels.
"""

from arcli.commands.channel.verbs import app as app
