"""
What providers call us with, over HTTP.

    POST /hooks/<kind>/<account>-<provider>-<key>/

The key is the provider's own, drawn when it was connected: an address that is not exactly
right is not found. What the provider signs is checked beyond that. Everything told is
idempotent, so that a call may come twice, late and in any order.
"""
