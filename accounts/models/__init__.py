"""Accounts, users, memberships, integrations, lists."""

from accounts.models.account import Account, AuditEntry, Membership, Role, User
from accounts.models.api_client import (
    AccessLevel,
    ApiClient,
    ApiToken,
    ApiUse,
    IntegrationType,
    KeptAnswer,
)
from accounts.models.list import BounceHandling, Folder, IpPool, List
from accounts.models.running import Heartbeat, RateCount
from accounts.models.secret import Secret

__all__ = [
    "AccessLevel",
    "Account",
    "ApiClient",
    "ApiToken",
    "ApiUse",
    "AuditEntry",
    "BounceHandling",
    "Folder",
    "Heartbeat",
    "IntegrationType",
    "IpPool",
    "KeptAnswer",
    "List",
    "Membership",
    "RateCount",
    "Role",
    "Secret",
    "User",
]
