"""`arcli find`: which targets photos show.

`find_command` has the options, `result_views` shows what was found, `draw` writes photos.
"""

from arcli.commands.find.find_command import find as find
