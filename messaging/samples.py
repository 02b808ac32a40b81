"""Whom and what a preview or a test shows where there is nobody: a person, an order, a code."""

from typing import Any

PERSON = {
    "email": "grace@mail.example",
    "first_name": "Grace",
    "last_name": "Hopper",
    "birthday": "1906-12-09",
    "postal_code": "10001",
    "external_id": "1001",
    "phone": "+12125550143",
    "time_zone": "",
    "locale": "en-US",
}
# As a test run's contacts get it: no code is taken of a pool.
COUPON = {"code": "TEST-CODE", "pool": ""}
ORDER: dict[str, Any] = {
    "orderNumber": "100001",
    "status": "Shipped",
    "dateEntered": "2026-11-17T15:30:00+00:00",
    "shipDate": "2026-11-18T09:00:00+00:00",
    "orderTotal": 64.9,
    "total": 64.9,
    "itemTotal": 59.95,
    "taxTotal": 0.0,
    "shippingTotal": 4.95,
    "handlingTotal": 0.0,
    "discountTotal": 0.0,
    "couponCode": "",
    "source": "",
    "storeNumber": "",
    "shippingMethod": "Ground",
    "trackingNumber": "1Z0000000000000000",
    "items": [
        {
            "sku": "SHOE-42",
            "title": "Running shoe",
            "quantity": 1,
            "price": 59.95,
            "itemTotal": 59.95,
            "status": "Shipped",
        }
    ],
}
ORDER_EVENT = {"order_number": ORDER["orderNumber"], "status": "Shipped", "total": "64.90"}
