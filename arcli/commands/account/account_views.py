"""How accounts are shown."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

from arcli.console.items import ItemView, Record
from arcli.models import Account, AccountKey, AuditEntry, Scope


def account_record(account: Account) -> Record:
    """Return an account as its JSON object, which has no secret."""
    return {
        "username": account.username,
        "created": account.created,
        "keys": [asdict(key) for key in account.keys],
        "owns": list(account.owns),
        "grants": [asdict(grant) for grant in account.grants],
        "tupu": [
            {"secret_id": binding.secret_id, "channels": list(binding.channels)}
            for binding in account.bindings
        ],
    }


def account_lines(account: Account) -> Iterator[tuple[str, object]]:
    """Yield what people want to see of an account."""
    yield "account", account.username
    yield "created", account.created
    for key in account.keys:
        yield f"key {key.key_id}", _key(key)
    yield "owns", ", ".join(account.owns) or None
    for grant in account.grants:
        yield f"may {_verb(grant.scope)}", grant.channel
    for binding in account.bindings:
        yield f"secretId {binding.secret_id}", ", ".join(binding.channels)


def _verb(scope: Scope) -> str:
    return "use" if scope is Scope.ALL else "search"


def _key(key: AccountKey) -> str:
    reach = "everything" if key.scope is Scope.ALL else "scan only"
    where = f" in {', '.join(key.channels)}" if key.channels is not None else ""
    state = f"revoked {key.revoked}" if key.revoked else f"last used {key.last_used or 'never'}"
    ends = f", until {key.expires}" if key.expires else ""
    rate = f", {key.rate:g} requests a second" if key.rate else ""
    return f"{reach}{where}{ends}{rate}, made {key.created}, {state}"


def _in_force(account: Account) -> int:
    return sum(key.revoked is None for key in account.keys)


ACCOUNTS: ItemView[Account] = ItemView(
    key="accounts",
    record=account_record,
    columns=("username", "keys", "owns", "grants", "created"),
    names=lambda account: [account.username],
    rows=lambda account: [
        (
            account.username,
            _in_force(account),
            list(account.owns),
            [grant.channel for grant in account.grants],
            account.created,
        )
    ],
    lines=lambda account: [
        (
            account.username,
            _in_force(account),
            ", ".join(account.owns),
            ", ".join(grant.channel for grant in account.grants),
            account.created,
        )
    ],
)

CHANGES: ItemView[AuditEntry] = ItemView(
    key="changes",
    record=asdict,
    columns=("at", "who", "what", "subject", "details"),
    names=lambda change: [change.subject],
    rows=lambda change: [(change.at, change.who, change.what, change.subject, change.details)],
    lines=lambda change: [
        (change.at, change.who, change.what, change.subject, _details(change)),
    ],
)


def _details(change: AuditEntry) -> str:
    return " ".join(f"{name}={value}" for name, value in change.details.items())
