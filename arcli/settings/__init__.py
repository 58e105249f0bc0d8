"""What the user has set, and where: flag > environment > profile > default."""

from arcli.settings.profiles import Profile, ProfileFile
from arcli.settings.resolve import Format, Kind, Setting, Settings, resolve

__all__ = ["Format", "Kind", "Profile", "ProfileFile", "Setting", "Settings", "resolve"]
