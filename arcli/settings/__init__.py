"""What the user has set, and where: flag > environment > profile > default."""

from arcli.settings.profiles import Profile, ProfileFile, expanded
from arcli.settings.resolve import examine_settings, resolve, resolve_other
from arcli.settings.values import (
    KEYS,
    OTHERS,
    SECRETS,
    ClusterPlace,
    DataPlace,
    Format,
    Kind,
    Setting,
    Settings,
    without_password,
)

__all__ = [
    "KEYS",
    "OTHERS",
    "SECRETS",
    "ClusterPlace",
    "DataPlace",
    "Format",
    "Kind",
    "Profile",
    "ProfileFile",
    "Setting",
    "Settings",
    "examine_settings",
    "expanded",
    "resolve",
    "resolve_other",
    "without_password",
]
