"""What providers call us with: events of deliveries, texts from people."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from messaging.actions.provider_events import ProviderEvent


@dataclass(frozen=True)
class HeardText:
    """A text that came in: `to` is our number or short code."""

    provider_message_id: str
    sender: str
    to: str
    text: str
    media: tuple[str, ...] = ()


@dataclass(frozen=True)
class Heard:
    """What one call says; `answer` is what the provider wants to read."""

    events: Sequence[ProviderEvent] = field(default_factory=list)
    texts: Sequence[HeardText] = field(default_factory=list)
    answer: str = ""
    content_type: str = "text/plain"
