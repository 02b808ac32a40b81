"""Whom the tests write of, and what the vendor answers."""

GRACE = "Grace.Hopper+shoes@mail.example"
LEFT = (
    400,
    "ERROR_UNSUBSCRIBED_EMAIL_ADDRESS",
    "The emailAddress has already been unsubscribed from the list.",
)


def invalid(name):
    return (400, "ERROR_INVALID_PARAMETER", f"An invalid value was supplied for {name}.")
