"""`arcli profile …`: settings kept under a name.

`profile_verbs` has its commands, `add` the longest of them, `profile_views` shows profiles.
"""

from arcli.commands.profile.profile_verbs import app as app
