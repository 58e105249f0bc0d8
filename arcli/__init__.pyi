from arcli.errors import ArcliError
from arcli.library import Channel
from arcli.library import item_of as item
from arcli.library import open_channel as open  # noqa: A004 - arcli.open, like gzip.open
from arcli.models import (
    AddItem,
    AddResult,
    AddStatus,
    CheckResult,
    Duplicate,
    FindResult,
    Hint,
    Match,
    OnExists,
    Picture,
    StatRecord,
    Target,
)

__all__ = [
    "AddItem",
    "AddResult",
    "AddStatus",
    "ArcliError",
    "Channel",
    "CheckResult",
    "Duplicate",
    "FindResult",
    "Hint",
    "Match",
    "OnExists",
    "Picture",
    "StatRecord",
    "Target",
    "__version__",
    "item",
    "open",
]

__version__: str
