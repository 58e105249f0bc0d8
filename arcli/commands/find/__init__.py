"""`arcli find`: which targets photos show.

`command` has the options, `result_views` shows what was found, `draw` writes photos.
"""

from arcli.commands.find.command import find as find
