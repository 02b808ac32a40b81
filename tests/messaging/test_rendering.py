"""What a template may say, and what keeps it from saying more."""

import os
import signal
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging import rendering
from messaging.rendering import renderer
from messaging.rendering.child import KEPT_SHAPES, Engine, render_parts, render_row
from messaging.rendering.child import render as answers_to
from messaging.rendering.renderer import RENDERER, InTurn, widen
from messaging.rendering.rows import LEFT, Mentioned

ALONE = Engine()
CONTEXT = {
    "contact": {"first_name": "Grace", "last_name": "", "email": "grace@mail.example"},
    "fields": {"Profile": {"Size": 42.0}, "Profile.Size": 42.0, "Profile.Born": "1906-12-09"},
    "list": {"id": 1, "name": "Store Customers"},
    "event": {"total": "1234.5", "items": [{"sku": "A"}, {"sku": "B"}]},
    "coupon": {"code": "A&B", "pool": "Winback"},
    "now": "2026-11-18T12:00:00+00:00",
    "time_zone": "America/New_York",
}
# What JSON of PostgreSQL holds: no NUL, no lone surrogates.
WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=50)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=8,
)


def fill(template, context=CONTEXT, *, escaped=False):
    (filled,) = rendering.render({"part": (template, escaped)}, [context])
    if isinstance(filled, rendering.TemplateFaultError):
        raise filled
    return filled["part"]


class TestRender:
    @pytest.mark.parametrize(
        ("template", "text"),
        [
            ("{{ contact.first_name }}", "Grace"),
            ("{{ contact.last_name | default('you') }}", "you"),
            ("{{ contact.nothing.at.all }}", ""),
            ("{{ nothing | default('you') }}", "you"),
            ("{{ fields.Profile.Size }}", "42"),
            ("{{ fields['Profile.Size'] }}", "42"),
            ("{{ fields['Profile.Born'] | date }}", "December 9, 1906"),
            ("{{ fields['Profile.Born'] | date('%d/%m') }}", "09/12"),
            ("{{ now | date('%H:%M') }}", "07:00"),
            ("{{ now | date('%H:%M', 'UTC') }}", "12:00"),
            ("{{ 'no date' | date }}{{ '' | date }}{{ nothing | date }}", "no date"),
            ("{{ event.total | money }}", "$1,234.50"),
            ("{{ event.total | money('EUR') }}", "€1,234.50"),
            ("{{ -3 | money }}", "-$3.00"),
            ("{{ 'much' | money }}{{ nothing | money }}", "much"),
            ("{{ 'we miss you' | title }}", "We Miss You"),
            ("{% for item in event.items %}{{ item.sku }}{% endfor %}", "AB"),
            ("{% if fields.Profile.Size > 40 %}big{% else %}small{% endif %}", "big"),
            ("{% for item in nothing %}x{% else %}none{% endfor %}", "none"),
            ("{{ nothing | length }}{{ nothing | round }}{{ 2.345 | round(1) }}", "02.3"),
            ("{{ true }} {{ none }} {{ 20.0 }}", "true  20"),
            ("{{ coupon }} {{ coupon.code }} of {{ coupon.pool }}", "A&B A&B of Winback"),
            ("{{ '<b>' | escape }}{{ '<i>' | e }}", "&lt;b&gt;&lt;i&gt;"),
            ("{{ now | date('%Y-%m-%d %H:%M', 'Asia/Tokyo') }}", "2026-11-18 21:00"),
            ("{{ event.total | money('GBP') }} {{ 5 | money('kr ') }}", "£1,234.50 kr 5.00"),
            ("{{ 'x' | default('y') }}{{ none | d('z') }}{{ '' | d('q') }}", "xzq"),
            ("{% for x in [1, 2] %}{{ loop.cycle('a', 'b') }}{% endfor %}", "ab"),
        ],
    )
    def test_fills_in(self, template, text):
        assert fill(template) == text

    @given(value=WORDS)
    def test_gives_any_text_back_as_it_is(self, value):
        assert fill("{{ contact.first_name }}", {"contact": {"first_name": value}}) == value

    @given(value=WORDS)
    def test_lets_no_value_become_markup(self, value):
        html = fill("{{ contact.first_name }}", {"contact": {"first_name": value}}, escaped=True)

        assert not set("<>\"'") & set(html)

    def test_escapes_what_is_filled_into_html(self):
        html = fill("<b>{{ coupon }} {{ event.total | default('&') }}</b>", escaped=True)

        assert html == "<b>A&amp;B 1234.5</b>"

    @given(value=VALUES)
    def test_takes_whatever_json_holds(self, value):
        fill("{{ event.value }}{{ event.value | tojson }}", {"event": {"value": value}})

    @given(template=st.text(alphabet="{}%|#()[].\"' abif019\n", max_size=60))
    def test_never_breaks_on_a_template(self, template):
        (filled,) = rendering.render({"part": (template, False)}, [CONTEXT])

        assert isinstance(filled, dict | rendering.TemplateFaultError)

    def test_a_row_that_is_too_much_fails_alone(self):
        doubling = "{% set x = event.seed %}" + "{% set x = x ~ x %}" * 40 + "{{ x | length }}"
        rows = [{"event": {"seed": ""}}, {"event": {"seed": "abcdefgh"}}, {"event": {"seed": ""}}]

        filled = rendering.render({"part": (doubling, False)}, rows)

        assert [isinstance(one, rendering.TemplateFaultError) for one in filled] == [
            False,
            True,
            False,
        ]

    def test_a_fault_names_part_and_line(self):
        sources = {"subject": ("Hi", False), "html": ("a\nb\n{{ 1 / 0 }}", True)}

        (fault,) = rendering.render(sources, [CONTEXT])

        assert isinstance(fault, rendering.TemplateFaultError)
        assert (fault.part, fault.line) == ("html", 3)


class TestNoWayOut:
    @pytest.mark.parametrize(
        "template",
        [
            "{{ contact.__class__ }}",
            "{{ contact | attr('__class__') }}",
            "{{ contact['__class__'] }}",
            "{{ contact.items }}",
            "{{ ''.__class__ }}",
            "{{ now.__class__.__mro__ }}",
            "{{ date.__globals__ }}",
            "{{ self }}{{ config }}{{ request }}",
        ],
    )
    def test_values_have_no_attributes(self, template):
        assert fill(template) == ""

    @pytest.mark.parametrize(
        "template",
        [
            "{{ contact.pop('first_name') }}",
            "{{ contact['pop']('first_name') }}",
            "{% set f = contact.pop %}{{ f('first_name') }}",
            "{{ ''.join(['a']) }}",
            "{% include '/etc/passwd' %}",
            "{% import 'os' as os %}",
            "{{ debug() }}",
            "{{ namespace() }}",
        ],
    )
    def test_nothing_can_be_called(self, template):
        with pytest.raises(rendering.TemplateFaultError):
            fill(template)

    def test_the_process_has_no_environment(self):
        fill("x")
        assert RENDERER.process is not None
        with open(f"/proc/{RENDERER.process.pid}/environ", "rb") as environment:  # noqa: PTH123
            assert environment.read() == b""


class TestCheck:
    @pytest.mark.parametrize(
        ("template", "words"),
        [
            ("a\n{{ contact.first_name", "line 2"),
            ("{% if x %}", "line 1"),
            ("a\n\n{{ contact.first_name.upper() }}", r"line 3: it calls a method, \.upper\(\)"),
            ("{{ x | nonsense }}", "no filter named nonsense"),
            ("{% if false %}{{ x | nonsense }}{% endif %}", "no filter named nonsense"),
            ("{% if false %}{{ x.y() }}{% endif %}", "calls a method"),
            (
                "{% for a in range(99999) %}{% for b in range(99999) %}.{% endfor %}{% endfor %}",
                "end",
            ),
            ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "recursion"),
            ("{% include 'x' %}", "another template"),
            ("{{ 1 / 0 }}", "unable to calculate"),
            ("{% set x = 'abcdefgh' %}" + "{% set x = x ~ x %}" * 40, "too much time or memory"),
            ("{{ 'x' * 2000000 }}", "more than 1,000,000 characters"),
        ],
    )
    def test_refuses(self, template, words):
        with pytest.raises(rendering.TemplateFaultError, match=words):
            rendering.check(template, escaped=False)

    @pytest.mark.parametrize(
        "template",
        [
            "",
            "no template",
            "{{ fields.Profile.Points + 100 }}",  # another contact may have some
            "{{ contact.first_name | default('a.b(c)') }}",
            "{# {{ a.b() }} #}",
            "{% raw %}{{ a.b() }}{% endraw %}",
            "{% macro hi(name) %}Hi {{ name }}{% endmacro %}{{ hi('you') }}",
            "{% for n in range(3) %}{{ n }}{% endfor %}",
            "body { color: red } a {{ '{' }}",
        ],
    )
    def test_accepts(self, template):
        rendering.check(template, escaped=True)


class TestCompileMjml:
    def page(self, inner):
        return f"<mjml><mj-body><mj-section><mj-column>{inner}</mj-column></mj-section></mj-body></mjml>"

    def test_keeps_tags_wherever_they_stand(self):
        html = rendering.compile_mjml(
            self.page(
                '<mj-button href="{{ event.url | default("https://x.example") }}">Go</mj-button>'
                "<mj-text>{% if 1 < 2 and 3 > 2 %}a & b{% endif %}</mj-text>"
            )
        )

        assert 'href="{{ event.url | default("https://x.example") }}"' in html
        assert "{% if 1 < 2 and 3 > 2 %}" in html

    def test_fetches_no_fonts(self):
        html = rendering.compile_mjml(self.page("<mj-text>Hi</mj-text>"))

        assert "<link" not in html
        assert "@import" not in html

    @pytest.mark.parametrize(
        ("source", "words"),
        [
            ("hello", "unable to parse"),
            ("", "unable to find mjml element"),
            ("<mjml>\n<mj-body>\n<mj-", "unexpected end of stream"),
            ("<mjml>\n<mj-section></mj-section></mjml>", "line 2: unexpected element"),
            ("<mjml><mj-body>\n<mj-nope/></mj-body></mjml>", "line 2: there is no element mj-nope"),
            ("<mjml><mj-body><mj-include path='/etc/passwd'/></mj-body></mjml>", "include"),
            ("<mjml><mj-body>" + "<mj-section>" * 50_000 + "</mj-body></mjml>", "too much"),
        ],
    )
    def test_refuses(self, source, words):
        with pytest.raises(rendering.TemplateFaultError, match=words):
            rendering.compile_mjml(source)


class TestRenderer:
    def test_starts_anew_when_its_process_was_killed(self):
        fill("x")
        assert RENDERER.process is not None
        os.kill(RENDERER.process.pid, signal.SIGKILL)
        os.waitid(os.P_PID, RENDERER.process.pid, os.WEXITED | os.WNOWAIT)

        assert fill("{{ contact.first_name }}") == "Grace"

    def test_takes_a_pipe_as_it_is_where_the_system_widens_none(self):
        with open(os.devnull, "rb") as no_pipe:  # noqa: PTH123
            widen(no_pipe)

            assert not no_pipe.closed

    def test_is_fast_enough(self):
        """A loose bound: it does thousands a second, and must never start one for each."""
        rows = [CONTEXT] * 500
        started = time.monotonic()

        filled = rendering.render({"html": ("<p>{{ contact.first_name }}</p>" * 20, True)}, rows)

        assert len(filled) == 500
        assert time.monotonic() - started < 60


ALL = {"first_name", "last_name", "email"}


class TestMentioned:
    @pytest.mark.parametrize(
        ("source", "asked"),
        [
            ("Hi {{ contact.email }}", {"email"}),
            ("{% if contact.email %}{{ contact.first_name }}{% endif %}", {"email", "first_name"}),
            ("Hi {{ contact }}", ALL),
            ("Hi {{ contact.email }}, contact us", ALL),
            ("{{ contact.email }} {{ contact['email'] }}", ALL),
            ("{{ contact.email }} {{ contact . first_name }}", ALL),
            ("{{ event.contact.email }}", ALL),
            ("{{ contact.items() }}", ALL),
        ],
    )
    def test_hands_over_the_keys_that_are_asked_for(self, source, asked):
        assert set(Mentioned([source]).of(CONTEXT)["contact"]) == asked

    @pytest.mark.parametrize("key", ["größe", "pre\u0301nom", "a\u200db", "a·b", "o℘", "aा"])
    def test_a_key_of_any_letters_is_there(self, key):
        row = {"event": {key: "yes", "a": "no"}}

        (filled,) = rendering.render({"part": (f"{{{{ event.{key} }}}}", False)}, [row])

        assert filled == {"part": "yes"}

    def test_a_key_that_a_row_lacks_stays_away(self):
        row = {"contact": {"first_name": "Grace"}, "event": "none"}

        mentioned = Mentioned(["{{ contact.email }} {{ event.total }}"])

        assert mentioned.of(row) == {"contact": {}, "event": "none"}


class TestSlowTemplates:
    """What takes long holds up nobody: others are served in between, and it is left in time."""

    SOURCES = {"text": ["{{ contact.first_name }}", False]}

    def test_a_request_ends_when_its_time_is_over(self):
        request = {"op": "render", "sources": self.SOURCES, "rows": [CONTEXT] * 5, "seconds": 0}

        answers = list(answers_to(Engine(), request))

        assert answers == [{"parts": {"text": "Grace"}}, {LEFT: 4}]

    def test_is_asked_for_again_until_all_is_there(self, monkeypatch):
        monkeypatch.setattr(renderer, "TURN_SECONDS", 0)
        rows = [{"contact": {"first_name": f"n{number}"}} for number in range(5)]

        filled = rendering.render({"text": ("{{ contact.first_name }}", False)}, rows)

        assert filled == [{"text": f"n{number}"} for number in range(5)]

    def test_is_left_when_whoever_asked_stops(self, monkeypatch):
        monkeypatch.setattr(renderer, "TURN_SECONDS", 0)

        filled = rendering.render(
            {"text": ("{{ contact.first_name }}", False)}, [CONTEXT] * 5, stop=lambda: True
        )

        assert filled == [{"text": "Grace"}]

    def test_those_who_ask_come_in_turn(self):
        lock, order = InTurn(), []

        def work(name):
            with lock:
                order.append(name)

        with lock:
            waiting = []
            for name in "abc":
                waiting.append(threading.Thread(target=work, args=(name,)))
                waiting[-1].start()
                while len(lock.line) <= len(waiting):
                    time.sleep(0.001)
        with lock:
            order.append("again")
        for one in waiting:
            one.join()

        assert order == ["a", "b", "c", "again"]


class TestRowsTogether:
    """What many rows share is compiled once; nothing of it shows."""

    @given(value=VALUES)
    def test_gives_what_each_part_gives_alone(self, value):
        parts = {
            "text": (
                "{{ event.value | tojson }}{{ event.value }}{{ event.value is defined }}",
                False,
            ),
            "html": (
                "<b>{{ event.value }}</b>{% for x in event.value %}{{ x }},{% endfor %}",
                True,
            ),
        }
        row = {"event": {"value": value}}

        (together,) = rendering.render(parts, [row])
        alone = [render_parts(ALONE, {name: part}, row) for name, part in parts.items()]

        if isinstance(together, rendering.TemplateFaultError):
            assert any("fault" in one for one in alone)
        else:
            assert [together[name] for name in parts] == [
                one["parts"][name] for one, name in zip(alone, parts, strict=True)
            ]

    def test_no_part_sees_what_another_sets(self):
        parts = {
            "text": ("{% set contact = 'x' %}{% set more = 1 %}{{ contact }}", False),
            "html": ("{{ contact.first_name }}{{ more }}", True),
        }

        (filled,) = rendering.render(parts, [CONTEXT])

        assert filled == {"text": "x", "html": "Grace"}

    def test_values_are_each_rows_own(self):
        rows = [{"contact": {"first_name": name}} for name in ("Grace", "{{ 1 }}", "", "<b>")]

        filled = rendering.render({"part": ("{{ contact.first_name }}", True)}, rows)

        assert filled == [{"part": part} for part in ("Grace", "{{ 1 }}", "", "&lt;b&gt;")]

    def test_one_faulty_row_of_many_is_named_alone(self):
        rows = [{"event": {"by": number % 40}} for number in range(100)]

        filled = rendering.render(
            {"subject": ("Hi", False), "text": ("{{ 8 // event.by }}", False)}, rows
        )

        faulty = {
            number: (one.part, one.line)
            for number, one in enumerate(filled)
            if isinstance(one, rendering.TemplateFaultError)
        }
        assert faulty == dict.fromkeys([0, 40, 80], ("text", 1))

    def test_shapes_without_end_do_not_fill_the_memory(self):
        engine = Engine()
        sources = {"text": ["{{ event.items | length }}", False]}

        for number in range(3 * KEPT_SHAPES):
            answer = render_row(engine, sources, {"event": {"items": [1] * number}})

            assert answer == {"parts": {"text": str(number)}}
        assert len(engine.shapes) <= KEPT_SHAPES
