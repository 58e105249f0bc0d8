"""`arcli account …`: who may use `serve`.

`verbs` has its commands, `account_inputs` reads their arguments, `account_views` shows accounts.
"""

from arcli.commands.account.verbs import app as app
