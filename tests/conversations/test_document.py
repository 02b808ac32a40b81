"""The file format: what is malformed, and the canonical form."""

import json

import pytest
from hypothesis import HealthCheck, given, settings

from conductor.conversations.document import parse_document
from conductor.conversations.reading import MalformedConversationError, read_structure
from conductor.conversations.writing import write_json, write_yaml
from tests.conversations.conftest import WINBACK, parsed, winback
from tests.conversations.drawing import conversation_files

STEPS = "conversation: C\nthreads:\n  - thread: T\n    steps:\n"


def faults_of(text):
    """Return {path: sentence} of a malformed file."""
    with pytest.raises(MalformedConversationError) as malformed:
        parse_document(read_structure(text))
    return {fault.path: fault.text for fault in malformed.value.faults}


def step(settings):
    """Return a file with one step."""
    return f"{STEPS}      - {{key: k, {settings}}}\n"


AT = "threads[0].steps[0]"


class TestParseDocument:
    @pytest.mark.parametrize(
        ("settings", "path", "words"),
        [
            ("waiting: {}", f"{AT}.waiting", "Unknown kind or key"),
            ("wait: {for: P1D}, colour: red", f"{AT}.colour", "Unknown kind or key"),
            ("wait: {for: P1D}, terminate: {}", AT, "exactly one kind"),
            ("name: x", AT, "exactly one kind"),
            ("wait: [P1D]", f"{AT}.wait", "This is a mapping."),
            ("wait: {for: 3}", f"{AT}.wait.for", "This is a text"),
            ("wait: {for: soon}", f"{AT}.wait.for", "no duration"),
            ("wait: {for: P0D}", f"{AT}.wait.for", "more than zero"),
            ("wait: {for: P6Y}", f"{AT}.wait.for", "at most 5 years"),
            ("wait: {for: P1D, until: 2026-01-01}", f"{AT}.wait", "one of for, until"),
            ("wait: {until: tomorrow}", f"{AT}.wait.until", "no date-time"),
            ("wait: {until: 1066-10-14}", f"{AT}.wait.until", "lies between"),
            ("wait: {until: 2026-02-30}", f"{AT}.wait.until", "no date-time"),
            ("wait: {for: P1D, time_zone: Mars/Base}", f"{AT}.wait.time_zone", "no time zone"),
            ("wait: {for: P1D, window: {days: [monday]}}", f"{AT}.wait.window.days[0]", "one of"),
            ("wait: {until_parts: {day: 0}}", f"{AT}.wait.until_parts.day", "greater"),
            ("wait: {until_field: {at: 25:00}}", f"{AT}.wait.until_field.at", "form"),
            ("wait: {until_field: {offset: PT3H}}", f"{AT}.wait.until_field.offset", "days or more"),
            ("wait: {until_field: {year: leap}}", f"{AT}.wait.until_field.year", "one of"),
            ("trigger: {external_event: A, import: true}", f"{AT}.trigger", "has one of"),
            ("trigger: {external_event: 3}", f"{AT}.trigger.external_event", "text"),
            ("trigger: {import: on}", f"{AT}.trigger.import", "true or false"),
            ("trigger: sometimes", f"{AT}.trigger", "mapping"),
            ("filter: [1]", f"{AT}.filter", "A filter is a rule"),
            ("filter: {perhaps: {}}", f"{AT}.filter", "There is no rule"),
            ("filter: {purchase: {within: 60}}", f"{AT}.filter.purchase.within", "no duration"),
            ("filter: {not: {purchase: {cnt: 1}}}", f"{AT}.filter.not.purchase.cnt", "knows no"),
            ("filter: {all: [{field: A.B, like: x}]}", f"{AT}.filter.all[0].like", "knows no"),
            ("go_to: {to: Nowhere}", f"{AT}.go_to.to", "form"),
            ("go_to: {to: k, filter: {purchase: {x: 1}}}", f"{AT}.go_to.filter.purchase.x", "knows no"),
            ("message: {saved_message: 5}", f"{AT}.message.saved_message", "text"),
            ("message: {from_email: nobody}", f"{AT}.message.from_email", "form"),
            ("message: {commit: now}", f"{AT}.message.commit", "one of"),
            ("message: {send: {cap: maybe}}", f"{AT}.message.send.cap", "one of"),
            ("mobile_message: {short_code: 54321}", f"{AT}.mobile_message.short_code", "quotes"),
            ("mobile_message: {invalid_number: stop}", f"{AT}.mobile_message.invalid_number", "one of"),
            (f"mobile_message: {{text: {'x' * 1601}}}", f"{AT}.mobile_message.text", "1600"),
            ("mobile_message: {media_url: ftp://x}", f"{AT}.mobile_message.media_url", "form"),
            ("mobile_message: {notification: {on: [hourly]}}", f"{AT}.mobile_message.notification.on[0]", "one of"),
            ("action: {set_field: {value: [1]}}", f"{AT}.action.set_field.value", "This"),
            ("action: {set_field: {value: {field: A.B}}}", f"{AT}.action.set_field.value.field", "Unknown"),
            ("action: {set_field: {}, set_date: {}}", f"{AT}.action", "one of set_field"),
            ("action: {set_date: {of: never}}", f"{AT}.action.set_date.of", "one of"),
            ("terminate: {goal: yes}", f"{AT}.terminate.goal", "true or false"),
            ("terminate: {}, exits: {next: k}", f"{AT}.exits.next", "has no exit"),
            ("wait: {for: P1D}, exits: {sideways: k}", f"{AT}.exits.sideways", "has no exit"),
            ("wait: {for: P1D}, exits: {next: 3}", f"{AT}.exits.next", "text"),
            ("split: {groups: [{name: A, weight: 9}]}", f"{AT}.split", "add up to 9"),
        ],
    )  # fmt: skip
    def test_refuses_a_step_with_its_path(self, settings, path, words):
        faults = faults_of(step(settings))

        assert list(faults) == [path]
        assert words in faults[path]

    @pytest.mark.parametrize(
        ("text", "path", "words"),
        [
            ("- 1", "", "is a mapping"),
            ("threads: []", "conversation", "required"),
            ("conversation: 1", "conversation", "text"),
            ("conversation: ' x'", "conversation", "form"),
            ("conversation: " + "x" * 121, "conversation", "120"),
            ("conversation: C\ncolour: red", "colour", "Unknown key."),
            ("conversation: C\nreentry: never", "reentry", "one of: once, unlimited"),
            ("conversation: C\nreentry: {after: soon}", "reentry.after", "no duration"),
            ("conversation: C\nreentry: {after: P1D, before: P1D}", "reentry.before", "Unknown key."),
            ("conversation: C\nwhile_in: leave", "while_in", "one of: refuse, restart"),
            ("conversation: C\non_unsubscribe: stop", "on_unsubscribe", "one of: continue, end"),
            ("conversation: C\ngoal: bought", "goal", "mapping"),
            ("conversation: C\nexit_when: {purchase: {x: 1}}", "exit_when.purchase.x", "knows no"),
            ("conversation: C\nexpires: never", "expires", "no date-time"),
            ("conversation: C\ntime_zone: Berlin", "time_zone", "no time zone"),
            ("conversation: C\nthreads: {thread: T}", "threads", "This is a list."),
            ("conversation: C\nthreads: [T]", "threads[0]", "mapping"),
            ("conversation: C\nthreads: [{steps: []}]", "threads[0].thread", "required"),
            ("conversation: C\nthreads: [{thread: T, steps: {}}]", "threads[0].steps", "list"),
            ("conversation: C\nthreads: [{thread: T, steps: [1]}]", AT, "mapping"),
            ("conversation: C\nthreads: [{thread: T}, {thread: T}]", "threads[1].thread", "already"),
            ("conversation: C\nmessages: [{subject: x}]", "messages[0].saved_message", "required"),
            ("conversation: C\nmessages: [{saved_message: A, html: x, mjml: y}]", "messages[0]", "either"),
            ("conversation: C\nsms_messages: [{sms_message: A}]", "sms_messages[0].text", "required"),
            ("conversation: C\nfields: [{field: Mobile, type: Text}]", "fields[0].field", "form"),
            ("conversation: C\nfields: [{field: A.B, type: Colour}]", "fields[0].type", "one of"),
            ("conversation: C\nevents: [A, A]", "events[1]", "twice"),
            ("conversation: C\nevents: [1]", "events[0]", "text"),
            (f"{STEPS}      - {{key: K, terminate: {{}}}}", f"{AT}.key", "form"),
            (f"{STEPS}      - {{terminate: {{}}}}", f"{AT}.key", "required"),
        ],
    )  # fmt: skip
    def test_refuses_a_file_with_its_path(self, text, path, words):
        faults = faults_of(text)

        assert list(faults) == [path]
        assert words in faults[path]

    def test_tells_every_fault_at_once(self):
        text = winback(P60D="never", P3D="P9Y", **{'"54321"': "54321"})

        assert list(faults_of(text)) == [
            "threads[0].steps[1].filter.not.purchase.within",
            "threads[0].steps[2].mobile_message.short_code",
            "threads[0].steps[3].wait.for",
        ]

    def test_wants_keys_once_in_the_conversation(self):
        text = f"{STEPS}      - {{key: k, trigger: none}}\n" + (
            "  - thread: U\n    steps:\n      - {key: k, terminate: {}}\n"
        )

        assert faults_of(text) == {
            "threads[1].steps[0].key": "The key “k” is in use already, at threads[0].steps[0]."
        }

    def test_has_limits(self):
        steps = "".join(f"      - {{key: k{n}, terminate: {{}}}}\n" for n in range(501))
        threads = "".join(f"  - {{thread: T{n}}}\n" for n in range(51))

        assert "at most 500 steps" in faults_of(STEPS + steps)["threads"]
        assert "threads" in faults_of("conversation: C\nthreads:\n" + threads)

    def test_reads_json_as_yaml(self):
        document = parsed(WINBACK)

        assert parsed(write_json(document.write())).write() == document.write()

    def test_survives_a_store_that_forgets_the_order_of_keys(self):
        document = parsed(WINBACK)
        shuffled = json.loads(json.dumps(document.write(), sort_keys=True))

        assert write_yaml(parse_document(shuffled).write()) == WINBACK

    @pytest.mark.parametrize(
        ("short", "long"),
        [
            ("trigger: none", "trigger: {none: true}"),
            ("trigger: none", "trigger: {none: null}"),
            ("trigger: {external_event: A}", "trigger: {external_event: [A, A]}"),
            ("terminate: {}", "terminate: {goal: false}"),
            ("wait: {for: P3D}", "wait: {for: P3D, time_zone: ''}"),
            ("message: {saved_message: A}", "message: {send: {cap: skip}, saved_message: A, transactional: false}"),
            ("wait: {until_field: {field: A.B}}", "wait: {until_field: {year: same, field: A.B}}"),
        ],
    )  # fmt: skip
    def test_writes_one_form_of_one_meaning(self, short, long):
        assert write_yaml(parsed(step(long)).write()) == write_yaml(parsed(step(short)).write())
        assert short in write_yaml(parsed(step(short)).write())


# No clock: a busy machine is no fault of a file.
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(conversation_files())
def test_a_canonical_file_comes_back_byte_for_byte(structure):
    document = parse_document(structure)
    text = write_yaml(document.write())
    again = parsed(text)

    assert write_yaml(again.write()) == text
    assert parse_document(json.loads(json.dumps(document.write(), sort_keys=True))) == again
    assert parsed(write_json(document.write())) == again
