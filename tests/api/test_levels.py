"""A token with too few access levels, or of the wrong type, is refused on every route."""

import pytest

from accounts.models import AccessLevel, IntegrationType
from accounts.models.api_client import WRITE_KEY_TYPE
from conductor.api import api
from tests.api.conftest import connect

SEGMENT = "/conductor/v1/List/{list_id}/Segment"
POOL = "/conductor/v1/CouponPool"
# The one route of the email API that any integration of the type may call.
POOLS = "/email/v1/IpPool"
# What these routes ask for, beside what they declare themselves.
NEEDED = {
    ("GET", SEGMENT): "List",
    ("POST", SEGMENT): "List",
    ("GET", f"{SEGMENT}/{{segment_id}}"): "List",
    ("PUT", f"{SEGMENT}/{{segment_id}}"): "List",
    ("DELETE", f"{SEGMENT}/{{segment_id}}"): "List",
    ("GET", f"{SEGMENT}/{{segment_id}}/Count"): "List",
    ("GET", f"{SEGMENT}/{{segment_id}}/Member"): "Contact",
    ("POST", f"{SEGMENT}/{{segment_id}}/Member"): "Contact",
    ("DELETE", f"{SEGMENT}/{{segment_id}}/Member"): "Contact",
    ("GET", POOL): "Message",
    ("POST", POOL): "Message",
    ("GET", f"{POOL}/{{coupon_pool_id}}"): "Message",
    ("PUT", f"{POOL}/{{coupon_pool_id}}"): "Message",
    ("POST", f"{POOL}/{{coupon_pool_id}}/Code"): "Message",
    ("POST", "/data/v1/Product"): "Product",
}


def operations():
    """Yield (method, path, demands) of every route that a token opens."""
    for bound in api()._get_bound_routers():
        for path, view in bound.path_operations.items():
            for operation in view.operations:
                for method in operation.methods:
                    demands = operation.view_func.demands  # type: ignore[attr-defined]
                    yield method, bound.prefix + path, demands


def called(path):
    """Return an address of a route; nothing needs to be there, the token is asked first."""
    return "/".join("1" if part.startswith("{") else part for part in path.split("/"))


class TestLevels:
    def test_a_token_that_lacks_one_is_refused_everywhere(self, acme, now):
        types = list(IntegrationType.values)
        without = {
            level: connect(
                acme, now, types=types, levels=[one for one in AccessLevel if one != level]
            )
            for level in AccessLevel.values
        }

        passed = [
            (method, path, level)
            for method, path, demands in operations()
            for level in demands.levels
            if without[level].call(method, called(path), {}).status_code != 401
        ]

        assert passed == []

    def test_a_token_of_other_types_is_refused_everywhere(self, acme, now):
        other = {
            one: connect(acme, now, types=[kind for kind in IntegrationType.values if kind != one])
            for one in IntegrationType.values
        }
        # Which no token opens, of whatever types: it takes a write key.
        other[WRITE_KEY_TYPE] = connect(acme, now, types=list(IntegrationType.values))

        passed = [
            (method, path)
            for method, path, demands in operations()
            if demands.integration
            and other[demands.integration].call(method, called(path), {}).status_code != 401
        ]

        assert passed == []

    def test_only_routes_of_types_without_levels_ask_for_none(self):
        free = {
            demands.integration
            for _, path, demands in operations()
            if not demands.levels and path != POOLS
        }

        assert free == {"sms", "privacy", "crosschannel", "twowaysms", WRITE_KEY_TYPE}

    @pytest.mark.parametrize("route", NEEDED)
    def test_segments_coupons_and_products_ask_for(self, route):
        (found,) = [demands for method, path, demands in operations() if (method, path) == route]

        assert found.levels == (NEEDED[route],)
