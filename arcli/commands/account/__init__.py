"""`arcli account …`: who may use `serve`.

`account_verbs` has its commands, `account_inputs` reads their arguments, `account_views` shows accounts.
"""

from arcli.commands.account.account_verbs import app as app
