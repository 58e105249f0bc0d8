"""`arcli channel …`: make, show, change and remove channels.

`channel_verbs` has its commands, `settings_options` their options, `channel_views` shows channels.
"""

from arcli.commands.channel.channel_verbs import app as app
