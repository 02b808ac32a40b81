"""Call another system over HTTP, and keep values of its answer in the profile.

The address, the headers and the body are templates, as in messages; secrets are written
`{{ secrets.NAME }}`. Each contact stays until there is an answer: a success leaves by *next*,
everything else by *failed*. No answer, 429 and 5xx are tried again after 1, 4 and 20 minutes.
The call carries the same `Idempotency-Key` at every attempt and, with a secret, a signature.
"""

import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, StringConstraints

from conductor.steps import (
    HERE,
    NEXT,
    Arrivals,
    DurationText,
    Names,
    NameText,
    StepConfig,
    StepProblem,
    StepType,
    empty,
    invalid,
    unknown,
)
from contacts.actions.profiles import write_profiles
from contacts.durations import parse_duration
from messaging import rendering

SHORTEST, LONGEST = 1, 30
MOST_HEADERS = 20
# What the call says of itself; a header of the step may not say otherwise.
OWN_HEADERS = {
    *("connection", "content-length", "host", "transfer-encoding", "accept-encoding"),
    *("idempotency-key", "conductor-signature"),
}

TAGS = re.compile(r"\{\{(.*?)\}\}|\{%(.*?)%\}", re.DOTALL)
SECRET = re.compile(r"""(?<![.\w])secrets\s*(?:\.\s*([A-Za-z_]\w*)|\[\s*["']([^"']*)["']\s*\])""")
SECRETS = re.compile(r"(?<![.\w])secrets\b")
FIELD = re.compile(
    r"""(?<![.\w])fields\s*(?:\[\s*["']([^"'.]+\.[^"']+)["']\s*\]"""
    r"""|\.\s*([A-Za-z_]\w*)\s*\.\s*([A-Za-z_]\w*))"""
)
POINTER = r"^(?:/(?:[^~]|~[01])*)*$"

# A call for each contact that has come; one who is sent here again by hand calls anew. The
# due time is only when this step looks whether the caller has been heard: the caller sets
# it to the time of the outcome.
ASK = f"""
    INSERT INTO conversations_call (
        enrollment_id, conversation_id, version_id, step_key, visit_number, state, attempts,
        next_at, outcome, created_at
    )
    SELECT
        arrivals.enrollment_id, enrolled.conversation_id, arrivals.version_id,
        arrivals.step_key, arrivals.visit_number, 'queued', 0, %(now)s, '{{}}', %(now)s
    FROM arrivals
    INNER JOIN enrolled ON enrolled.id = arrivals.enrollment_id
    WHERE {HERE} AND NOT arrivals.is_due AND arrivals.exit IS NULL
    ON CONFLICT (account_id, enrollment_id, step_key, visit_number) DO UPDATE SET
        state = 'queued', attempts = 0, next_at = excluded.next_at, claimed_at = NULL,
        outcome = '{{}}', ended_at = NULL
"""
STAY = f"""
    UPDATE arrivals
    SET due_at = %(now)s::timestamptz + interval '10 minutes'
    WHERE {HERE} AND arrivals.exit IS NULL AND arrivals.held_reason IS NULL
"""
THE_CALL = """
    call.enrollment_id = arrivals.enrollment_id
    AND call.step_key = arrivals.step_key
    AND call.visit_number = arrivals.visit_number
"""
LEAVE = f"""
    UPDATE arrivals
    SET
        exit = CASE
            WHEN call.outcome ->> 'held' IS NOT NULL THEN NULL
            WHEN call.state = 'done' THEN 'next'
            ELSE 'failed'
        END,
        due_at = CASE WHEN call.outcome ->> 'held' IS NULL THEN arrivals.due_at END,
        held_reason = left(call.outcome ->> 'held', 200)
    FROM conversations_call AS call
    WHERE {HERE} AND arrivals.is_due AND {THE_CALL} AND call.state IN ('done', 'failed')
"""
VALUES = f"""
    SELECT arrivals.subscription_id, call.outcome -> 'values', enrolled.depth + 1
    FROM arrivals
    INNER JOIN enrolled ON enrolled.id = arrivals.enrollment_id
    INNER JOIN conversations_call AS call ON {THE_CALL}
    WHERE
        {HERE}
        AND arrivals.exit = 'next'
        AND call.outcome -> 'values' IS NOT NULL
"""
# Why the calls failed of those who leave by it; their contacts go on, the marketer reads it.
FAILURES = f"""
    SELECT left('webhook failed: ' || coalesce(call.outcome ->> 'error', 'no outcome'), 120), count(*)
    FROM arrivals
    INNER JOIN conversations_call AS call ON {THE_CALL}
    WHERE {HERE} AND arrivals.is_due AND arrivals.exit = 'failed' AND call.state = 'failed'
    GROUP BY 1
"""
HAS_VANISHED = f"""
    UPDATE arrivals
    SET held_reason = 'the call is gone', due_at = NULL
    WHERE
        {HERE}
        AND arrivals.is_due
        AND arrivals.exit IS NULL
        AND arrivals.held_reason IS NULL
        AND NOT EXISTS (SELECT FROM conversations_call AS call WHERE {THE_CALL})
"""


def _timeout(written: str) -> str:
    length = parse_duration(written)
    seconds = length.seconds if not length.months and not length.days else 0
    if not SHORTEST <= seconds <= LONGEST:
        raise invalid(f"A timeout is PT{SHORTEST}S to PT{LONGEST}S.")
    return written


def _header(name: str) -> str:
    if name.lower() in OWN_HEADERS:
        raise invalid(f"The call sets the header {name} itself.")
    return name


TimeoutText = Annotated[DurationText, AfterValidator(lambda text: _timeout(text) if text else "")]
HeaderName = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$"),
    AfterValidator(_header),
]
HeaderValue = Annotated[str, StringConstraints(max_length=2000, pattern=r"^[^\r\n\x00]*$")]
PointerText = Annotated[str, StringConstraints(max_length=500, pattern=POINTER)]


class WebhookConfig(StepConfig):
    """What is called, and what is kept of the answer."""

    url: Annotated[str, StringConstraints(max_length=2000)] = ""
    method: Literal["POST", "PUT", "PATCH", "GET", "DELETE"] = "POST"
    headers: Annotated[dict[HeaderName, HeaderValue], Field(max_length=MOST_HEADERS)] = {}
    body: Annotated[str, StringConstraints(max_length=65_536)] = ""
    secret: NameText = ""
    timeout: TimeoutText = ""
    save_response: Annotated[dict[NameText, PointerText], Field(max_length=50)] = {}


class Webhook(StepType[WebhookConfig]):
    """Call another system."""

    kind = "webhook"
    label = "Webhook"
    family = "action"
    icon = "world-upload"
    keywords = ("HTTP", "API", "Call", "POST", "Integration")
    Config = WebhookConfig

    def sentence(self, config: WebhookConfig) -> str:
        """Name the other side: its host, not what may stand behind it."""
        if not config.url:
            return "Choose what to call"
        host = config.url.partition("://")[2].partition("/")[0].rpartition("@")[2]
        return f"{config.method} to {host.partition('?')[0] or config.url}"[:120]

    def exits(self, config: WebhookConfig) -> dict[str, str]:
        """Go on either way, unless the file leads those who failed elsewhere."""
        return {"next": NEXT, "failed": NEXT}

    def problems(self, config: WebhookConfig, names: Names) -> list[StepProblem]:
        """Find a bad address, templates that cannot be filled in, names that do not exist."""
        found = _url_problems(config.url)
        for path, template in _templates(config):
            found += _template_problems(path, template, names)
        if config.secret and not names.secret(config.secret):
            found.append(unknown_secret("secret", config.secret))
        for name in config.save_response:
            if names.field(name) is None:
                found.append(unknown("save_response", "field", name))
        return found

    def compile(self, config: WebhookConfig, names: Names) -> dict[str, Any]:
        """Return the templates, the secrets and fields that they name, and what is saved where."""
        templates = " ".join(template for _, template in _templates(config))
        save = []
        for name, pointer in config.save_response.items():
            field = names.field(name)
            save.append({"field_id": field.pk if field else 0, "name": name, "pointer": pointer})
        read = [names.field(name) for name in fields_named(templates)]
        return {
            "url": config.url,
            "method": config.method,
            "headers": dict(config.headers),
            "body": config.body,
            "secret": config.secret,
            "seconds": parse_duration(config.timeout).seconds if config.timeout else 10,
            "secrets": sorted({*secrets_named(templates), *filter(None, [config.secret])}),
            "fields": sorted({field.pk for field in read if field is not None}),
            "save": save,
        }

    def execute(self, arrivals: Arrivals) -> None:
        """Ask for a call of each who has come; let those go on whose call has its outcome."""
        arrivals.run(ASK)
        if arrivals.run(LEAVE):
            write_profiles(VALUES, method="webhook", **arrivals.given())
            for reason, count in arrivals.fetch(FAILURES):
                arrivals.tally(reason, count)
        arrivals.run(HAS_VANISHED)
        arrivals.run(STAY)


def secrets_named(template: str) -> set[str]:
    """Return the names of the secrets that a template writes out."""
    return {plain or quoted for said in _tags(template) for plain, quoted in SECRET.findall(said)}


def fields_named(template: str) -> list[str]:
    """Return the names of the fields that a template reads, as `Group.Field`."""
    found = (field for said in _tags(template) for field in FIELD.findall(said))
    return [whole or f"{group}.{name}" for whole, group, name in found]


def unknown_secret(path: str, name: str) -> StepProblem:
    """Return the problem of a secret that the account does not have."""
    return StepProblem(
        path, "unknown_secret", f"There is no secret named “{name}” in this account."
    )


def _templates(config: WebhookConfig) -> list[tuple[str, str]]:
    headers = [(f"headers.{name}", value) for name, value in config.headers.items()]
    return [("url", config.url), *headers, ("body", config.body)]


def _tags(template: str) -> Iterator[str]:
    for value, statement in TAGS.findall(template):
        yield value or statement


def _url_problems(url: str) -> list[StepProblem]:
    """Find what no contact's values could mend: no address, or not one of the web."""
    if not url.strip():
        return [empty("url", "Say what to call: an https address.")]
    literal = url.partition("{")[0]
    is_whole = literal == url
    if not re.match(r"https?://", literal) and (is_whole or literal):
        return [StepProblem("url", "bad_url", "The address starts with https:// or http://.")]
    try:
        parts = urlsplit(literal)
        wrong = is_whole and not parts.hostname
        if parts.username is not None:
            text = "The address holds a user name or password: send a header with a secret."
            return [StepProblem("url", "bad_url", text)]
        assert parts.port is None or parts.port >= 0  # noqa: S101 - reading it may raise
    except ValueError:
        wrong = True
    return [StepProblem("url", "bad_url", "This is no web address.")] if wrong else []


def _template_problems(path: str, template: str, names: Names) -> list[StepProblem]:
    """Find templates that cannot be filled in, fields and secrets that do not exist."""
    try:
        rendering.check(template, escaped=False)
    except rendering.TemplateFaultError as fault:
        return [StepProblem(path, "template", f"This cannot be filled in: {fault}.")]
    found = []
    for said in _tags(template):
        if len(SECRETS.findall(said)) != len(SECRET.findall(said)):
            text = "Write a secret by its name: {{ secrets.NAME }}."
            found.append(StepProblem(path, "secret", text))
    found += [
        unknown(path, "field", name) for name in fields_named(template) if names.field(name) is None
    ]
    gone = sorted(name for name in secrets_named(template) if not names.secret(name))
    return found + [unknown_secret(path, name) for name in gone]


STEP = Webhook()
