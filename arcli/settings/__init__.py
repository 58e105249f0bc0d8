"""What the user has set, and where: flag > environment > profile > default."""

from arcli.settings.kinds import KEYS, OTHERS, SECRETS, Format, Kind
from arcli.settings.profiles import Profile, ProfileFile
from arcli.settings.resolve import resolve
from arcli.settings.values import Setting, Settings

__all__ = [
    "KEYS",
    "OTHERS",
    "SECRETS",
    "Format",
    "Kind",
    "Profile",
    "ProfileFile",
    "Setting",
    "Settings",
    "resolve",
]
