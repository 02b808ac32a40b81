"""Code: what a script sees, what it may do, and where it ends."""

import os
import signal
from collections.abc import Callable
from typing import Any

import pytest

from conductor import code
from conductor.code.runner import SCRIPTS
from conductor.code.sandbox import FUEL, MEMORY
from conductor.conversations.document import parse_document
from conductor.conversations.models import Tally
from conductor.conversations.names import ListNames
from conductor.conversations.reading import MalformedConversationError, read_structure
from conductor.stepping import budget
from conductor.steps import draw
from tests.engine.world import World
from tests.steps.test_action import profile_of

Publish = Callable[..., Any]


def indented(source: str) -> str:
    """Write a source as a YAML flow text."""
    escaped = source.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


@pytest.fixture
def script(world: World) -> Publish:
    """Publish a conversation with one code step."""

    def publish(source: str, exits: str = "", ways: str = "") -> Any:
        more = f", exits: [{exits}]" if exits else ""
        led = f", exits: {{{ways}}}" if ways else ""
        return world.live(
            f"{{key: think, code: {{source: {indented(source)}{more}}}{led}}}\n"
            "{key: rest, wait: {for: P1D}}"
        )

    return publish


def answer_of(source: str, **given: Any) -> code.Ran:
    """Run a script once, outside of any conversation."""
    row = {"contact": {}, "fields": {}, "entry": {}, "now": "2026-11-18T12:00:00+00:00", "draw": 7}
    (ran,) = code.run(source, [{**row, **given}])
    return ran


class TestBudget:
    def test_leaves_to_the_next_tick_whom_this_one_has_no_time_for(
        self, world: World, script: Publish, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(budget, "SECONDS", 0)
        script("return {}")
        people = [world.person() for _ in range(3)]
        world.happen(*people)

        through = []
        for _ in range(3):
            world.tick()
            through.append(sum("think>next" in world.path(person) for person in people))

        assert through == [1, 2, 3]
        assert not world.tick().rows


class TestExit:
    @pytest.mark.parametrize(
        ("source", "exit"),
        [
            ("return {}", "next"),
            ("return {exit: null}", "next"),
            ("return {exit: 'next'}", "next"),
            ("return {exit: 'gold'}", "gold"),
            ("return {exit: 'failed'}", "failed"),
            ("return {exit: 'silver'}", "failed"),
            ("return {exit: 'end'}", "failed"),
            ("return {exit: 1}", "failed"),
            ("return {exit: ['gold']}", "failed"),
            ("return 'gold'", "failed"),
            ("return null", "failed"),
            ("return ['gold']", "failed"),
            ("", "failed"),
            ("return {out: 'gold'}", "failed"),
            ("return Promise.resolve({exit: 'gold'})", "failed"),
            ("throw new Error('no')", "failed"),
            ("return {exit: nobody}", "failed"),
            ("while (true) {}", "failed"),
            ("let a = []; while (true) a.push('x'.repeat(1000) + a.length)", "failed"),
            ("function f() { return f() + 1 } return f()", "failed"),
            ("return {exit: 'x'.repeat(70000)}", "failed"),
        ],
    )
    def test_is_what_the_script_names(
        self, world: World, script: Publish, source: str, exit: str
    ) -> None:
        script(source or " ;", "gold")
        grace = world.person()

        world.happen(grace)
        world.tick()

        assert world.path(grace) == ["start>next", f"think>{exit}", "rest"]

    def test_leads_where_the_file_says(self, world: World, script: Publish) -> None:
        script("return {exit: 'gold'}", "gold", "gold: end")
        grace = world.person()

        world.happen(grace)
        world.tick()

        assert world.path(grace)[1:] == ["think>gold", "end>end", "(terminated)"]

    def test_of_each_is_its_own_whatever_the_others_do(self, world: World, script: Publish) -> None:
        script(
            "const points = fields['Profile.Points'];\n"
            "if (points === 1) while (true) {}\n"
            "if (points === 2) throw new Error('two');\n"
            "return {exit: points > 5 ? 'gold' : 'next'}",
            "gold",
        )
        people = [world.person(profile={"Points": points}) for points in (1, 9, 2, 3)]

        world.happen(*people)
        world.tick()

        exits = [world.path(person)[1] for person in people]
        assert exits == ["think>failed", "think>gold", "think>failed", "think>next"]

    def test_that_failed_is_counted_with_its_reason(self, world: World, script: Publish) -> None:
        script("if (fields['Profile.Points'] === 1) while (true) {}\nreturn {exit: 'silver'}")
        people = [world.person(profile={"Points": points}) for points in (1, 2, 3)]

        world.happen(*people)
        world.tick()

        found = dict(Tally.objects.values_list("name", "total"))
        assert found == {"code failed: out of fuel": 1, "code failed: unknown exit": 2}


class TestInput:
    def test_is_contact_fields_entry_now_and_draw(self, world: World, script: Publish) -> None:
        script(
            "return {set: {'Profile.Note': JSON.stringify("
            "[contact.first_name, fields['Profile.Points'], fields['Profile.Vip'], entry.kind, "
            "entry.event, entry.thread, entry.properties.order, entry.entered_at, now, draw, "
            "contact.phone])}}"
        )
        conversation = world.conversations
        grace = world.person(first_name="Grace", profile={"Points": 7.5, "Vip": "on"})

        world.happen(grace, properties={"order": "A-17"})
        world.tick()

        at = "2026-11-18T12:00:00+00:00"
        enrollment = world.place(grace)
        drawn = draw(
            conversation_id=enrollment.conversation_id,
            subscription_id=grace.pk,
            entry_number=1,
            step_key="think",
            visit_number=1,
        )
        assert conversation == 1
        assert profile_of(world, grace)["Note"] == (
            f'["Grace",7.5,"on","external_event","Order Imported","Main","A-17","{at}","{at}",'
            f"{drawn},null]"
        )

    @pytest.mark.parametrize(
        ("source", "text"),
        [
            ("return {exit: new Date().toISOString()}", "2026-11-18T12:00:00.000Z"),
            ("return {exit: String(Date.now())}", "1795003200000"),
            ("return {exit: typeof Math.random}", "undefined"),
            ("return {exit: typeof performance + typeof fetch + typeof process}", "undefined" * 3),
            ("return {exit: typeof require + typeof std + typeof os}", "undefined" * 3),
            ("return {exit: typeof setTimeout + typeof console}", "undefined" * 2),
            ("return {exit: String(new Date(2026, 0, 1).getTimezoneOffset())}", "0"),
        ],
    )
    def test_is_all_that_there_is(self, source: str, text: str) -> None:
        assert answer_of(source).result == {"exit": text}

    def test_is_not_seen_by_the_next_run(self) -> None:
        row = {"contact": {}, "fields": {}, "entry": {}, "now": "2026-11-18T12:00:00", "draw": 7}
        source = (
            "globalThis.count = (globalThis.count || 0) + 1; Array.prototype.more = 1;"
            "return {exit: String(globalThis.count)}"
        )

        assert [ran.result for ran in code.run(source, [row] * 3)] == [{"exit": "1"}] * 3


class TestSet:
    @pytest.mark.parametrize(
        ("given", "after"),
        [
            ("{'Profile.Note': 'hi', 'Profile.Points': 5}", {"Note": "hi", "Points": 5}),
            ("{'profile.points': '1,250.5'}", {"Points": 1250.5}),
            ("{'Profile.Vip': true, 'Profile.Renewal': '12/31/2026'}", None),
            ("{'Profile.Points': null}", {}),
            ("{}", {"Points": 1}),
            ("null", {"Points": 1}),
        ],
    )
    def test_is_typed_as_the_field(
        self, world: World, script: Publish, given: str, after: dict[str, Any] | None
    ) -> None:
        script(f"return {{set: {given}}}")
        grace = world.person(profile={"Points": 1})

        world.happen(grace)
        world.tick()

        expected = {"Points": 1, "Vip": "on", "Renewal": "2026-12-31"} if after is None else after
        if after and "Points" not in after:
            expected = {"Points": 1, **after}
        assert profile_of(world, grace) == expected
        assert world.path(grace)[1] == "think>next"

    @pytest.mark.parametrize(
        "given",
        [
            "{'Profile.Points': 'many'}",
            "{'Profile.Points': NaN}",
            "{'Profile.Points': 1/0}",
            "{'Profile.Points': 1e300}",
            "{'Profile.Points': true}",
            "{'Profile.Note': {}}",
            "{'Profile.Note': ['a']}",
            "{'Profile.Note': undefined}",
            "{'Profile.Note': () => 1}",
            "{'Profile.Note': 1n}",
            "{'Profile.Note': 'a\\u0000b'}",
            "{'Profile.Note': '\\ud800'}",
            "{'Profile.Renewal': 'soon'}",
            "{'Profile.Nothing': 1}",
            "{'Other.Note': 1}",
            "['Profile.Note']",
            "'Profile.Note'",
        ],
    )
    def test_fails_whole_where_a_value_does_not_fit(
        self, world: World, script: Publish, given: str
    ) -> None:
        script(
            f"return {{set: Object.assign({{'Profile.Vip': 'on'}}, {given})}}"
            if given.startswith("{")
            else f"return {{set: {given}}}"
        )
        grace = world.person(profile={"Points": 1})

        world.happen(grace)
        world.tick()

        assert profile_of(world, grace) == {"Points": 1}
        assert world.path(grace)[1] == "think>failed"

    def test_is_seen_by_the_next_step_in_the_same_tick(self, world: World) -> None:
        world.live(
            "{key: think, code: {source: \"return {set: {'Profile.Points': draw}}\"}}\n"
            "{key: ask, filter: {field: Profile.Points, at_least: 0}}\n"
            "{key: rest, wait: {for: P1D}}"
        )
        grace = world.person()

        world.happen(grace)
        world.tick()

        assert world.path(grace) == ["start>next", "think>next", "ask>next", "rest"]


class TestLimits:
    def test_count_the_same_fuel_for_the_same_script_and_input(self) -> None:
        source = "let n = 0; for (let i = 0; i < 5000; i++) n += i % 7; return {exit: String(n)}"

        first = answer_of(source)
        SCRIPTS.renderer.stop()  # type: ignore[union-attr]
        again = [answer_of(source), answer_of("return {}"), answer_of(source)]

        assert first.fuel > 0
        assert {ran.fuel for ran in (first, again[0], again[2])} == {first.fuel}

    def test_end_a_run_at_its_fuel_and_not_before(self) -> None:
        loop = "for (let i = 0; i < {}; i++) {{}} return {{}}"
        cost = answer_of(loop.format(20_000)).fuel - answer_of(loop.format(10_000)).fuel
        base = answer_of(loop.format(0)).fuel
        most = (FUEL - base) * 10_000 // cost

        assert answer_of(loop.format(int(most * 0.99))).fault == ""
        assert answer_of(loop.format(int(most * 1.01))).fault == "out of fuel"

    def test_refuse_memory_beyond_the_limit(self) -> None:
        fits = MEMORY // 2
        buffer = "new Uint8Array({}).length; return {{}}"

        assert answer_of(buffer.format(fits)).fault == ""
        assert answer_of(buffer.format(MEMORY)).fault != ""

    @pytest.mark.parametrize(
        "source",
        [
            "return /(a+)+$/.test('a'.repeat(50) + 'b') ? {} : {}",
            "return {exit: 'x'.repeat(2 ** 29)}",
            "const f = () => { try { f() } catch { f() } }; f(); return {}",
            "return JSON.parse('['.repeat(500000))",
            "const o = {}; o.o = o; return o",
            "globalThis.JSON.stringify = null; Object.prototype.toJSON = () => { while (1) {} };"
            "return {}",
            "return new Proxy({}, {ownKeys() { while (true) {} }})",
        ],
    )
    def test_hold_whatever_is_tried(self, source: str) -> None:
        assert answer_of(source).fault != ""
        assert answer_of("return {}").result == {}

    def test_hold_only_the_contact_whose_run_broke_the_sandbox(
        self, world: World, script: Publish, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        script("return {exit: 'gold'}", "gold")
        people = [world.person() for _ in range(3)]
        world.happen(*people)
        answer_of("return {}")
        renderer = SCRIPTS.renderer
        assert renderer is not None
        assert renderer.process is not None
        os.kill(renderer.process.pid, signal.SIGSTOP)
        stop = renderer.stop

        def stop_and_wait_for_the_next() -> None:
            stop()
            monkeypatch.setattr(renderer, "seconds", 120.0)

        monkeypatch.setattr(renderer, "seconds", 0.5)
        monkeypatch.setattr(renderer, "stop", stop_and_wait_for_the_next)

        world.tick()

        held = [world.place(person).held_reason for person in people]
        assert sorted(held) == ["", "", "step_error the sandbox broke down"]
        assert sum(world.path(person)[-1] == "rest" for person in people) == 2


class TestProblems:
    @pytest.mark.parametrize(
        ("source", "text"),
        [
            ("return {", "Line 2: SyntaxError"),
            ("let a = 1\nlet b = ;\nreturn {}", "Line 2: SyntaxError"),
            ("\n\nimport x from 'y'", "Line 3: SyntaxError"),
            ("await 1", "Line 1: SyntaxError"),
            ("", "Write the script"),
            ("let a; let a; return {}", "SyntaxError"),
        ],
    )
    def test_name_the_line_that_does_not_compile(
        self, world: World, source: str, text: str
    ) -> None:
        written = (
            "conversation: C\nlist: Store Customers\nthreads:\n  - thread: Main\n    steps:\n"
            "      - {key: start, trigger: {external_event: Order Imported}}\n"
            f"      - {{key: think, code: {{source: {indented(source)}}}}}\n"
            "      - {key: end, terminate: {}}\n"
        )
        step = parse_document(read_structure(written)).steps()["think"]

        (problem,) = step.type.problems(step.config, ListNames(world.in_list))

        assert problem.path == "source"
        assert text in problem.text

    @pytest.mark.parametrize("exits", ["gold, gold", "next", "failed", "end", "' x'"])
    def test_refuse_exits_that_cannot_be(self, exits: str) -> None:
        written = (
            "conversation: C\nlist: L\nthreads:\n  - thread: Main\n    steps:\n"
            f"      - {{key: think, code: {{source: 'return {{}}', exits: [{exits}]}}}}\n"
        )

        with pytest.raises(MalformedConversationError):
            parse_document(read_structure(written))
