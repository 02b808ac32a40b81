"""
When to try again: a provider that takes no more, a recipient that is put off.

A provider is left alone as a whole: its queue waits until `throttled_until`, twice as long
each time, so that one throttled relay costs one attempt and not one for each message. A
recipient (greylisting, a full mailbox) is put off alone, 5 minutes first, then twice as
long each time, for at most three days.
"""

from datetime import timedelta

PROVIDER_FIRST = timedelta(seconds=30)
PROVIDER_MOST = timedelta(minutes=30)
RECIPIENT_FIRST = timedelta(minutes=5)
RECIPIENT_MOST = timedelta(hours=4)
LONGEST_ASKED = timedelta(hours=6)
MOST_DOUBLINGS = 12


def provider_pause(times: int, *, retry_after: float | None = None) -> timedelta:
    """Return how long to leave a provider alone that has refused so many times in a row."""
    return pause(PROVIDER_FIRST, PROVIDER_MOST, times, retry_after)


def recipient_pause(attempts: int, *, retry_after: float | None = None) -> timedelta:
    """Return how long to leave a recipient alone that was tried so many times."""
    return pause(RECIPIENT_FIRST, RECIPIENT_MOST, attempts, retry_after)


def pause(first: timedelta, most: timedelta, times: int, retry_after: float | None) -> timedelta:
    """Double the first pause each time, up to the most; what the provider asks for counts."""
    own = min(most, first * 2 ** min(max(0, times - 1), MOST_DOUBLINGS))
    return own if retry_after is None else min(LONGEST_ASKED, timedelta(seconds=retry_after))
