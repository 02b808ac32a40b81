"""What is well-formed and cannot run: every problem at its step, with its path and code."""

import pytest

from conductor.conversations.graph import cyclic, resolved_exits, rings
from conductor.conversations.names import ListNames
from conductor.conversations.problems import find_problems, find_warnings
from tests.conversations.conftest import WINBACK, parsed, winback
from tests.factories import (
    ListFactory,
    PhoneListFactory,
    ProfileFieldFactory,
    SavedMessageFactory,
    ShortCodeFactory,
)

AT = "threads[0].steps"
COMMITS = {"text": 1, "reminder": 2}


def problems(store, text, commits=COMMITS):
    """Return (path, step, code) of each problem."""
    names = ListNames(store.list)
    found = find_problems(parsed(text), names, commits)
    assert all(problem.text for problem in found)
    assert all(problem.thread or problem.code == "no_threads" for problem in found)
    return [(problem.path, problem.step, problem.code) for problem in found]


def steps(*written, thread="T"):
    """Return a file of one thread."""
    lines = "".join(f"      - {{key: {line}}}\n" for line in written)
    return f"conversation: C\nthreads:\n  - thread: {thread}\n    steps:\n{lines}"


def between(*written):
    """Return a file whose thread begins and ends as it should."""
    return steps("a, trigger: {import: true}", *written, "z, terminate: {}")


class TestFindProblems:
    def test_finds_none_in_a_sound_conversation(self, store):
        assert problems(store, WINBACK) == []

    @pytest.mark.parametrize(
        ("step", "within", "code"),
        [
            ("trigger: {}", "trigger", "empty_setting"),
            ("trigger: {external_event: Nothing}", "trigger.external_event", "unknown_event"),
            ("trigger: {import: true, filter: {field: No.Field, is: x}}", "trigger.filter.field", "rule"),
            ("filter: {}", "filter", "empty_setting"),
            ("filter: {field: No.Field, is: x}", "filter.field", "rule"),
            ("filter: {field: Profile.Points, is: x}", "filter.is", "rule"),
            ("filter: {any: [{event: {name: Nothing}}]}", "filter.any[0].event.name", "rule"),
            ("go_to: {}", "go_to.to", "empty_setting"),
            ("go_to: {to: nowhere}", "go_to.to", "unknown_target"),
            ("go_to: {to: z, filter: {field: No.Field, is: x}}", "go_to.filter.field", "rule"),
            ("wait: {}", "wait", "empty_setting"),
            ("wait: {until_field: {}}", "wait.until_field.field", "empty_setting"),
            ("wait: {until_field: {field: No.Field}}", "wait.until_field.field", "unknown_field"),
            ("wait: {until_field: {field: Profile.Mobile}}", "wait.until_field.field", "wrong_type"),
            ("wait: {for: P1D}, exits: {next: nowhere}", None, "unknown_target"),
            ("message: {}", "message.saved_message", "empty_setting"),
            ("message: {saved_message: Nothing}", "message.saved_message", "unknown_message"),
            ("message: {saved_message: We miss you}", "message.saved_message", "never_committed"),
            ("message: {saved_message: Elsewhere}", "message.saved_message", "unknown_message"),
            ("mobile_message: {text: x}", "mobile_message.short_code", "empty_setting"),
            ("mobile_message: {text: x, short_code: '9'}", "mobile_message.short_code", "unknown_short_code"),
            ("mobile_message: {text: x, short_code: '54321'}", "mobile_message.phone_list", "empty_setting"),
            ("action: {}", "action", "empty_setting"),
            ("action: {set_field: {value: 1}}", "action.set_field.field", "empty_setting"),
            ("action: {set_field: {field: Profile.Mobile}}", "action.set_field.value", "empty_setting"),
            ("action: {set_field: {field: No.Field, value: 1}}", "action.set_field.field", "unknown_field"),
            ("action: {set_field: {field: Profile.Points, value: many}}", "action.set_field.value", "wrong_type"),
            ("action: {set_field: {field: Profile.Member, value: perhaps}}", "action.set_field.value", "wrong_type"),
            ("action: {set_field: {field: Profile.Birthday, value: 2026-02-30}}", "action.set_field.value", "wrong_type"),
            ("action: {set_field: {field: Profile.Points, value: {from_field: No.Field}}}", "action.set_field.value.from_field", "unknown_field"),
            ("action: {set_field: {field: Profile.Points, value: {from_field: Profile.Member}}}", "action.set_field.value.from_field", "wrong_type"),
            ("action: {set_date: {}}", "action.set_date.field", "empty_setting"),
            ("action: {set_date: {field: Profile.Mobile}}", "action.set_date.field", "wrong_type"),
        ],
    )  # fmt: skip
    def test_names_each_at_its_step(self, store, step, within, code):
        SavedMessageFactory(list=ListFactory(), name="Elsewhere")
        text = between(f"k, {step}")
        if step.startswith("trigger"):
            text = steps(f"k, {step}", "z, terminate: {}")
        place = 0 if step.startswith("trigger") else 1

        path = f"{AT}[{place}].{within or 'exits.next'}"
        assert problems(store, text) == [(path, "k", code)]

    @pytest.mark.parametrize(
        "step",
        [
            "action: {set_field: {field: Profile.Points, value: 3}}",
            "action: {set_field: {field: Profile.Points, value: null}}",
            "action: {set_field: {field: Profile.Member, value: true}}",
            "action: {set_field: {field: profile.mobile, value: {from_field: Profile.Points}}}",
            "action: {set_date: {field: Profile.Birthday, offset: -P3D, of: entry}}",
            "wait: {until_field: {field: Profile.Birthday, year: next_occurrence}}",
            "filter: {field: Profile.Points, at_least: 3}",
        ],
    )
    def test_finds_none_where_names_and_types_fit(self, store, step):
        assert problems(store, between(f"k, {step}")) == []

    def test_wants_templates_that_compile(self, store):
        text = winback(**{"We miss you": "We miss you, subject: '{% if %}'"})

        assert problems(store, text) == [(f"{AT}[4].message.subject", "reminder", "template")]

    def test_leads_to_no_trigger_that_hears(self, store):
        text = between("w, wait: {for: P1D}", "g, go_to: {to: a}")

        assert problems(store, text) == [(f"{AT}[2].go_to.to", "g", "target_is_trigger")]

    def test_wants_a_short_code_provisioned_for_its_phone_list(self, store):
        code = ShortCodeFactory(email_list=store.list, code="777", message_types=["Marketing"])
        PhoneListFactory(short_code=code, name="Transactional", kind="Transactional")
        text = between("k, mobile_message: {short_code: '777', phone_list: Transactional, text: x}")

        assert problems(store, text) == [
            (f"{AT}[1].mobile_message.short_code", "k", "not_provisioned")
        ]

    def test_wants_a_phone_list_and_message_of_the_short_code(self, store):
        other = ShortCodeFactory(email_list=store.list, code="777")
        PhoneListFactory(short_code=other, name="Other")
        PhoneListFactory(short_code=store.code, name="Closed", is_active=False)
        mobile = "k, mobile_message: {{short_code: '54321', phone_list: {}, sms_message: {}}}"

        def found(*names):
            return [code for _, _, code in problems(store, between(mobile.format(*names)))]

        assert found("Other", "Winback text") == ["unknown_phone_list"]
        assert found("Transactional", "Nothing") == ["unknown_sms_message"]
        assert found("Transactional", "''") == ["empty_setting"]
        assert found("Transactional", "Winback text") == ["never_committed"]
        assert found("Transactional", "'', text: '{{ x'") == ["template"]
        assert found("Closed", "''") == ["inactive_phone_list", "empty_setting"]

    def test_counts_only_since_steps_of_the_conversation(self, store):
        rule = "{all: [{purchase: {since: pause}}, {not: {purchase: {since: gone}}}]}"

        assert problems(store, between(f"f, filter: {rule}")) == [
            (f"{AT}[1].filter.all[0].purchase.since", "f", "unknown_step"),
            (f"{AT}[1].filter.all[1].not.purchase.since", "f", "unknown_step"),
        ]
        assert problems(store, WINBACK.replace("within: P60D", "since: start")) == []

    def test_takes_no_phone_number_from_a_date_or_a_check_box(self, store):
        text = WINBACK.replace("Profile.Mobile", "Profile.Member")

        assert problems(store, text) == [
            (f"{AT}[2].mobile_message.phone_field", "text", "wrong_type")
        ]

    def test_takes_no_name_of_another_list(self, store):
        other = ListFactory(name="Other")
        ProfileFieldFactory(group__list=other, group__name="Extra", name="Field")
        ShortCodeFactory(email_list=other, code="888")
        text = between(
            "f, filter: {field: Extra.Field, is: x}",
            "m, mobile_message: {short_code: '888', phone_list: Any, text: x}",
        )

        assert [code for _, _, code in problems(store, text)] == ["rule", "unknown_short_code"]

    @pytest.mark.parametrize(
        ("text", "path", "step", "code"),
        [
            ("conversation: C", "threads", "", "no_threads"),
            ("conversation: C\nthreads: [{thread: T}]", "threads[0]", "", "no_trigger_first"),
            (steps("a, terminate: {}"), f"{AT}[0]", "a", "no_trigger_first"),
            (
                steps("a, trigger: none", "w, wait: {for: P1D}"),
                f"{AT}[1]",
                "w",
                "no_terminate_last",
            ),
            (steps("a, trigger: none"), f"{AT}[0]", "a", "no_terminate_last"),
            (between("b, trigger: none"), f"{AT}[1]", "b", "trigger_not_first"),
        ],
    )
    def test_wants_a_trigger_first_and_a_terminate_last(self, store, text, path, step, code):
        assert problems(store, text) == [(path, step, code)]

    @pytest.mark.parametrize(
        "ring",
        [
            ["w, wait: {until: 2026-12-24}", "g, go_to: {to: w}"],
            ["w, wait: {until_field: {field: Profile.Birthday}}", "g, go_to: {to: w}"],
            ["f, filter: {purchase: {within: P1D}}, exits: {otherwise: f}"],
            ["f, filter: {purchase: {within: P1D}}", "g, go_to: {to: f, filter: {all: []}}"],
            ["g, go_to: {to: g}"],
        ],
    )
    def test_wants_a_wait_in_every_loop(self, store, ring):
        last = ring[-1].partition(",")[0]

        assert problems(store, between(*ring)) == [
            (f"{AT}[{len(ring)}]", last, "loop_without_wait")
        ]

    @pytest.mark.parametrize(
        "ring",
        [
            ["w, wait: {for: P1D}", "g, go_to: {to: w}"],
            ["f, filter: {purchase: {within: P1D}}", "w, wait: {for: PT1S}, exits: {next: f}"],
            ["w, wait: {for: P1D}", "v, wait: {until: 2026-12-24}", "g, go_to: {to: w}"],
        ],
    )
    def test_lets_a_loop_with_a_wait_pass(self, store, ring):
        assert problems(store, between(*ring)) == []

    def test_finds_the_loop_beside_the_wait(self, store):
        """One way round waits, the other does not."""
        text = between(
            "f, filter: {all: []}, exits: {otherwise: g}",
            "w, wait: {for: P1D}",
            "g, go_to: {to: f}",
        )

        assert problems(store, text) == [(f"{AT}[3]", "g", "loop_without_wait")]

    def test_stands_in_file_order(self, store):
        text = steps("a, trigger: {}", "f, filter: {}", "g, go_to: {to: f}", "w, wait: {}")

        assert [step for _, step, _ in problems(store, text)] == ["a", "f", "g", "w", "w"]

    def test_wants_a_postal_address_for_emails_that_are_no_transactions(self, store):
        account = store.list.account
        account.postal_address = " "
        account.save()
        mail = "m, message: {{saved_message: We miss you{}}}"
        commits = {"m": 1}

        found = problems(store, between(mail.format("")), commits)
        of_a_transaction = problems(store, between(mail.format(", transactional: true")), commits)

        assert found == [(f"{AT}[1].message", "m", "no_postal_address")]
        assert of_a_transaction == []

    def test_asks_one_query_per_kind_of_name(self, store, django_assert_max_num_queries):
        many = "".join(
            f"      - {{key: m{n}, message: {{saved_message: We miss you}}}}\n"
            f"      - {{key: f{n}, filter: {{field: Profile.Mobile, is: x}}}}\n"
            f"      - {{key: t{n}, mobile_message: {{short_code: '54321', phone_list: Transactional, sms_message: Winback text}}}}\n"
            for n in range(20)
        )
        text = winback(**{"      - key: pause\n": many + "      - key: pause\n"})

        with django_assert_max_num_queries(7):
            problems(store, text)


class TestFindWarnings:
    def test_names_steps_that_nobody_can_come_to(self):
        text = between("e, terminate: {}", "w, wait: {for: P1D}")

        assert [(found.step, found.code) for found in find_warnings(parsed(text))] == [
            ("w", "unreachable"),
            ("z", "unreachable"),
        ]

    def test_reaches_a_thread_by_go_to_only_where_one_leads(self):
        other = "  - thread: U\n    steps:\n      - {key: u, trigger: none}\n      - {key: v, terminate: {}}\n"

        alone = find_warnings(parsed(between() + other))
        led_to = find_warnings(parsed(between("g, go_to: {to: u}") + other))

        assert [found.step for found in alone] == ["u", "v"]
        assert [found.step for found in led_to] == ["z"]


class TestGraph:
    def test_resolves_default_and_redirected_exits(self):
        text = between("f, filter: {all: []}", "w, wait: {until: 2026-12-24}, exits: {past: f}")

        assert resolved_exits(parsed(text)) == {
            "a": {"next": "f"},
            "f": {"next": "w", "otherwise": None},
            "w": {"next": "z", "past": "f"},
            "z": {},
        }

    def test_takes_words_for_keys(self):
        """A step may be called next or end; where to go is never read as a word."""
        text = between("g, go_to: {to: end}", "next, wait: {for: P1D}", "end, wait: {for: P1D}")

        exits = resolved_exits(parsed(text))

        assert (exits["a"], exits["g"], exits["next"]) == (
            {"next": "g"}, {"match": "end"}, {"next": "end"},
        )  # fmt: skip

    def test_finds_every_step_on_a_cycle(self):
        text = between(
            "f, filter: {all: []}", "w, wait: {for: P1D}", "g, go_to: {to: f, filter: {all: []}}"
        )

        assert cyclic(resolved_exits(parsed(text))) == {"f", "w", "g"}

    def test_finds_rings_in_a_long_chain_without_recursion(self):
        chain = {f"s{n}": {"next": f"s{n + 1}"} for n in range(5000)} | {"s5000": {"next": "s0"}}

        assert len(rings(chain)) == 1
        assert rings({**chain, "s5000": {"next": None}}) == []

    def test_names_a_decision_whose_ways_all_lead_to_one_step(self):
        which = "i, %sif: {branches: [{name: large, filter: {purchase: {}}}]}"
        test = "s, split: {groups: [{name: A, weight: 50}, {name: B, weight: 50}]%s}"
        alike = [between(which % ""), between(test % "")]
        apart = [
            between(which % "exits: {else: z}, ", "p, wait: {for: P1D}"),
            between(test % ", store: Profile.Group"),
        ]

        assert [one.code for text in alike for one in find_warnings(parsed(text))] == [
            "ways_alike",
            "ways_alike",
        ]
        assert [one for text in apart for one in find_warnings(parsed(text))] == []
