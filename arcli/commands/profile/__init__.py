"""`arcli profile …`: settings kept under a name.

`verbs` has its commands, `add` the longest of them, `profile_views` shows profiles.
"""

from arcli.commands.profile.verbs import app as app
