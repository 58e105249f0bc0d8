"""`arcli account …`: who may use `serve`.

`verbs` are its commands, `given` reads what they take, `view` shows accounts.
"""

from arcli.commands.account.verbs import app as app
