"""Claimed webhook calls and their requests: templates filled in, signed, named by their visit."""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from accounts import outgoing, secrets
from accounts.models import Account, List
from accounts.tenancy import in_account, sql
from conductor.engine.program import Program, programs
from contacts.durations import is_zone
from contacts.models import ProfileField
from messaging import rendering
from messaging.sending.claim import PERSON, as_object
from messaging.sending.compose import profile_fields

# How long after the first, second, third attempt the next is made: at 0, 1, 5, 25 minutes.
PAUSES = (timedelta(minutes=1), timedelta(minutes=4), timedelta(minutes=20))
MOST_ATTEMPTS = len(PAUSES) + 1
# Longer than any call with a slow resolver may take: who is silent by then has died.
LEASE = timedelta(minutes=2)

# A call of a test run is made like any other, and says so.
TEST_RUN = "Conductor-Test-Run"

Key = tuple[int, str]


@dataclass(frozen=True)
class Claimed:
    """One call that is this caller's, with what its templates and its answer need."""

    account_id: int
    call_id: int
    version_id: int
    step_key: str
    attempts: int
    claimed_at: datetime
    key: str
    settings: Mapping[str, Any]
    fields: Mapping[int, ProfileField]
    request: outgoing.Request | None = None
    # What is written down instead of a call: {"error": ...} or {"held": ...}.
    outcome: Mapping[str, Any] | None = None


def claim(
    account_id: int, *, now: datetime, most: int, each: int, full: Sequence[Key]
) -> list[Claimed]:
    """Claim calls of an account and fill their requests in."""
    with in_account(account_id):
        rows = sql.fetch_dicts(
            sql.statement("conductor.engine", "claim_calls"),
            now=now,
            lease_until=now + LEASE,
            most=most,
            each=each,
            full_versions=[version_id for version_id, _ in full],
            full_steps=[step_key for _, step_key in full],
            attempts=MOST_ATTEMPTS,
        )
        if not rows:
            return []
        frame = load_frame(account_id, rows)
    by_step: dict[Key, list[dict[str, Any]]] = {}
    for row in rows:
        by_step.setdefault((row["version_id"], row["step_key"]), []).append(row)
    return [claimed for group in by_step.values() for claimed in frame.fill_in(group, now=now)]


@dataclass(frozen=True)
class Frame:
    """What the calls of a batch have in common; `lists` by id, `fields` by list and id."""

    account_id: int
    time_zone: str
    programs: Mapping[int, Program]
    lists: Mapping[int, List]
    fields: Mapping[int, Mapping[int, ProfileField]]
    secrets: Mapping[str, str]
    fault: str = ""

    def fill_in(self, rows: Sequence[dict[str, Any]], *, now: datetime) -> list[Claimed]:
        """Fill in the requests of one step's calls."""
        first = rows[0]
        settings = self.programs[first["version_id"]].steps[first["step_key"]]["settings"]
        parts = {
            "url": (settings["url"], False),
            "body": (settings["body"], False),
            **{f"header {name}": (value, False) for name, value in settings["headers"].items()},
        }
        held = self.fault or self._vanished(settings, first["list_id"])
        contexts = [] if held else [self._context(row, settings, now) for row in rows]
        filled: Sequence[Any] = [None] * len(rows) if held else rendering.render(parts, contexts)
        return [
            self._claimed(row, settings, parts, held, now)
            for row, parts in zip(rows, filled, strict=True)
        ]

    def _vanished(self, settings: Mapping[str, Any], list_id: int) -> str:
        """Name what the step uses and what is no longer there, "" for nothing."""
        for name in settings["secrets"]:
            if name not in self.secrets:
                return f"the secret {name} is gone"
        wanted = {*settings.get("fields", ()), *(saved["field_id"] for saved in settings["save"])}
        return "" if wanted <= self.fields.get(list_id, {}).keys() else "the field is gone"

    def _context(
        self, row: Mapping[str, Any], settings: Mapping[str, Any], now: datetime
    ) -> dict[str, Any]:
        contact = {name: row[name] or "" for name in PERSON}
        contact["birthday"] = row["birthday"].isoformat() if row["birthday"] else ""
        contact["email"] = row["email"] or row["email_norm"] or ""
        contact["phone"] = row["phone_e164"] or ""
        in_list = self.lists[row["list_id"]]
        names = [
            (str(key), one.group.name, one.name)
            for key, one in self.fields.get(row["list_id"], {}).items()
        ]
        return {
            "contact": contact,
            "fields": profile_fields(as_object(row["profile"]), names),
            "list": {"id": in_list.pk, "name": in_list.name},
            "event": as_object(row["entry_properties"]),
            "secrets": {name: self.secrets[name] for name in settings["secrets"]},
            "now": now.isoformat(),
            "time_zone": row["time_zone"] if is_zone(row["time_zone"] or "") else self.time_zone,
        }

    def _claimed(
        self,
        row: Mapping[str, Any],
        settings: Mapping[str, Any],
        parts: Any,
        held: str,
        now: datetime,
    ) -> Claimed:
        visit = (self.account_id, row["enrollment_id"], row["step_key"], row["visit_number"])
        key = "-".join(map(str, visit))
        request = outcome = None
        if row["verdict"] == "spent":
            outcome = {"error": "no answer: the caller died"}
        elif held:
            outcome = {"held": held}
        elif isinstance(parts, rendering.TemplateFaultError):
            line = f" (line {parts.line})" if parts.line else ""
            outcome = {"error": f"template error in {parts.part or 'the call'}{line}"}
        else:
            secret = self.secrets.get(settings["secret"], "")
            request = request_of(settings, parts, key=key, secret=secret, now=now)
            if self.programs[row["version_id"]].rehearsal:
                request = replace(request, headers={**request.headers, TEST_RUN: "true"})
        fields = self.fields.get(row["list_id"], {})
        return Claimed(
            account_id=self.account_id,
            call_id=row["id"],
            version_id=row["version_id"],
            step_key=row["step_key"],
            attempts=row["attempts"],
            claimed_at=now,
            key=key,
            settings=settings,
            fields={saved["field_id"]: fields[saved["field_id"]] for saved in settings["save"]}
            if not held
            else {},
            request=request,
            outcome=outcome,
        )


def load_frame(account_id: int, rows: Sequence[Mapping[str, Any]]) -> Frame:
    """Read what filling in needs; inside the account, before the transaction ends."""
    running = programs(row["version_id"] for row in rows)
    lists = {row["list_id"] for row in rows}
    fields: dict[int, dict[int, ProfileField]] = {}
    for one in ProfileField.objects.filter(list__in=lists).select_related("group"):
        fields.setdefault(one.list_id, {})[one.pk] = one
    named: set[str] = set()
    for row in rows:
        named |= {*running[row["version_id"]].steps[row["step_key"]]["settings"]["secrets"]}
    revealed, fault = {}, ""
    try:
        revealed = secrets.reveal(named)
    except secrets.UnreadableSecretError:
        fault = "a secret cannot be read: replace it"
    return Frame(
        account_id=account_id,
        time_zone=Account.objects.values_list("time_zone", flat=True).get(pk=account_id),
        programs=running,
        lists=List.objects.in_bulk(lists),
        fields=fields,
        secrets=revealed,
        fault=fault,
    )


def request_of(
    settings: Mapping[str, Any],
    parts: Mapping[str, str],
    *,
    key: str,
    secret: str,
    now: datetime,
) -> outgoing.Request:
    """Return a call's request: what was filled in, its key, its signature."""
    body = parts["body"].encode()
    headers = {"User-Agent": "Conductor", "Accept": "application/json"}
    if body:
        headers["Content-Type"] = "application/json"
    written = {name.lower(): name for name in settings["headers"]}
    headers = {name: value for name, value in headers.items() if name.lower() not in written}
    for name in settings["headers"]:
        # Latin-1 is all that a header may hold; what it cannot say is refused when it is sent.
        headers[name] = parts[f"header {name}"].strip()
    headers["Idempotency-Key"] = key
    if secret:
        headers["Conductor-Signature"] = signature(body, secret=secret, at=int(now.timestamp()))
    return outgoing.Request(
        method=settings["method"],
        url=parts["url"],
        headers=headers,
        body=body,
        seconds=float(settings["seconds"]),
    )


def signature(body: bytes, *, secret: str, at: int) -> str:
    """Return `t=<unix>,v1=<hex HMAC-SHA256 of t.body>`."""
    digest = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"
