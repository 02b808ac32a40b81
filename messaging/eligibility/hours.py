"""At what hours a contact is written to: the account's, and for texts the law's."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from messaging.law import ALL_DAY, Hours, area_codes, hours_of, strictest

QUIET_EMAIL = """
CROSS JOIN LATERAL (
    SELECT quiet_until(
        %(now)s::timestamptz,
        ARRAY[zone_or(contact.time_zone, %(account_zone)s)],
        %(own_hours)s::smallint[]
    ) AS until
    OFFSET 0
) AS quiet
"""
# The contact's own zone, else all that its area code may mean, else the account's.
QUIET_SMS = """
LEFT JOIN unnest(
    %(area_codes)s::text[], %(area_zones)s::text[], %(area_hours)s::text[]
) AS area (code, zones, hours)
    ON area.code = substr(phone_subscription.phone_e164, 3, 3)
    AND phone_subscription.phone_e164 LIKE '+1%%'
CROSS JOIN LATERAL (
    SELECT quiet_until(
        %(now)s::timestamptz,
        CASE
            WHEN valid_zone(contact.time_zone) THEN ARRAY[contact.time_zone::text]
            ELSE coalesce(string_to_array(area.zones, ' '), ARRAY[%(account_zone)s::text])
        END,
        coalesce(area.hours::smallint[], %(own_hours)s::smallint[])
    ) AS until
    OFFSET 0
) AS quiet
"""


def email_params(own: Hours | None) -> dict[str, Any]:
    """Return the parameters of `QUIET_EMAIL`."""
    return {"own_hours": list(own or ALL_DAY)}


def sms_params(own: Hours | None, *, follows_law: bool) -> dict[str, Any]:
    """Return the parameters of `QUIET_SMS`."""
    hours = own or ALL_DAY
    areas = _areas(hours) if follows_law else _areas_without_law(hours)
    return {"own_hours": list(hours), **areas}


@cache
def _areas(own: Hours) -> Mapping[str, Any]:
    """Return the area codes with their zones and hours, the account's own among them."""
    found = [
        (area.code, " ".join(area.zones), strictest([own, hours_of(area.region)]))
        for area in area_codes().values()
    ]
    return _as_params(found)


@cache
def _areas_without_law(own: Hours) -> Mapping[str, Any]:
    return _as_params([(one.code, " ".join(one.zones), own) for one in area_codes().values()])


def _as_params(found: Sequence[tuple[str, str, Hours]]) -> Mapping[str, Any]:
    return {
        "area_codes": [code for code, _, _ in found],
        "area_zones": [zones for _, zones, _ in found],
        "area_hours": ["{" + ",".join(map(str, hours)) + "}" for _, _, hours in found],
    }
