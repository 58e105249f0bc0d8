"""arcli: image-recognition galleries at a shell, in process and over the wire.

For Python programs `open` returns a channel to put pictures into and to look photos up in
(docs/how-to/python.md). What `__all__` lists is public; `import arcli` loads none of it before it is used.
Types: `__init__.pyi`.
"""

from importlib import import_module

__version__ = "0.1.0"

_HOMES = {
    "arcli.library": ("Channel",),
    "arcli.models": (
        *("AddItem", "AddResult", "AddStatus", "CheckResult", "Duplicate", "FindResult", "Hint", "Match"),
        *("OnExists", "Picture", "StatRecord", "Target"),
    ),
    "arcli.errors": ("ArcliError",),
}
_PLACES = {name: (module, name) for module, names in _HOMES.items() for name in names}
_PLACES |= {"open": ("arcli.library", "open_channel"), "item": ("arcli.library", "item_of")}

__all__ = ["__version__", *sorted(_PLACES)]  # noqa: PLE0604 - all of them are text


def __getattr__(name: str) -> object:
    """Load a public name when it is first used."""
    if name not in _PLACES:
        raise AttributeError(f"module 'arcli' has no attribute {name!r}")
    module, there = _PLACES[name]
    value: object = getattr(import_module(module), there)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
