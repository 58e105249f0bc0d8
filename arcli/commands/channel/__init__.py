"""`arcli channel …`: make, show, change and remove channels.

`verbs` has its commands, `settings_options` their options, `channel_views` shows channels.
"""

from arcli.commands.channel.verbs import app as app
