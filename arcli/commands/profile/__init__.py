"""`arcli profile …`: settings kept under a name.

`verbs` has its commands, `add` the longest of them, `view` shows profiles.
"""

from arcli.commands.profile.verbs import app as app
