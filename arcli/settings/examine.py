"""What `arcli doctor` says of the settings."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

from arcli.models import Finding
from arcli.settings.secrets import Place
from arcli.settings.values import Settings


def examine_settings(settings: Settings) -> Iterator[Finding]:
    """Yield what is to be said of the profile, and of a secret's file that others can read."""
    subject = f"profile {settings.profile.value}"
    yield Finding(subject=subject, ok=True, message=f"kind {settings.kind.value} ({settings.kind.source})")
    if settings.secret is None or settings.secret.place is not Place.FILE:
        return
    path = Path(settings.secret.where).expanduser()
    if path.exists() and stat.S_IMODE(path.stat().st_mode) & 0o077:
        yield Finding(
            subject=subject,
            ok=False,
            message=f"others can read the secret in {path}",
            hint=f"run: chmod 600 {path}",
        )
