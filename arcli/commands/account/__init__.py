"""`arcli account …`: who may use `serve`.

`verbs` has its commands, `given` reads their arguments, `view` shows accounts.
"""

from arcli.commands.account.verbs import app as app
