"""What is given all the time that a machine may need which does much besides."""

from pkgutil import resolve_name

# What works for so many seconds at a time, or gives up after so many.
IN_A_HURRY = (
    "accounts.outgoing.RESOLVE_SECONDS",
    "conductor.conversations.tasks.TASK_SECONDS",
    "conductor.engine.tasks.TASK_SECONDS",
    "conductor.health.CONNECT_SECONDS",
    "conductor.stepping.budget.SECONDS",
    "conductor.webhooks.delivering.SECONDS",
    "contacts.tasks.TASK_SECONDS",
    "messaging.rendering.renderer.RENDERER.seconds",
    "messaging.sending.heart.BEAT_SECONDS",
    "messaging.sending.heart.SILENT_SECONDS",
    "messaging.sending.sender.BATCH_SECONDS",
    "messaging.tasks.RUN_SECONDS",
    "messaging.tracking.hits.WAIT_SECONDS",
    "messaging.transports.esp.IDLE_SECONDS",
    "messaging.transports.kept_http.IDLE_SECONDS",
)
PATIENCE = 120  # seconds


def be_patient() -> None:
    """Give this process the time, for as long as it lives."""
    for name in IN_A_HURRY:
        place, _, attribute = name.rpartition(".")
        setattr(resolve_name(place), attribute, PATIENCE)
