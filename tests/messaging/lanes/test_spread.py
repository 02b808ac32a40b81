"""A batch over several connections at once."""

import itertools
import threading

import pytest

from messaging.providers import Outcome, ProviderError
from tests.messaging.lanes.scripted import Scripted


class TestSpread:
    """A batch on several connections."""

    @pytest.fixture
    def batch(self):
        from messaging.providers import Outgoing

        return [Outgoing(n, 1, "email", f"a{n}@mail.example", "s@acme.example") for n in range(40)]

    def test_hands_each_over_once(self, batch, now):
        sent = list(Scripted({}).send(batch, now=now, connections=5))

        assert sorted(one.delivery_id for one in sent) == list(range(40))

    def test_hands_over_as_many_at_once_as_there_are_connections(self, batch, now, monkeypatch):
        together = threading.Barrier(5, timeout=120)

        def answer(message):
            together.wait()
            return Outcome(message.delivery_id)

        monkeypatch.setattr(Scripted, "answer", staticmethod(answer))

        assert len(list(Scripted({}).send(batch, now=now, connections=5))) == 40

    def test_counts_what_is_on_its_way_when_it_stops(self, batch, now, monkeypatch):
        asked = itertools.count()

        sent = list(Scripted({}).send(batch, now=now, connections=4, stop=lambda: next(asked) > 9))

        assert len(sent) == 10
        assert len({one.delivery_id for one in sent}) == 10

    def test_ends_at_a_problem_and_keeps_what_was_done(self, batch, now, monkeypatch):
        def answer(message):
            if message.delivery_id == 7:
                raise ProviderError("Gone.")
            return Outcome(message.delivery_id)

        monkeypatch.setattr(Scripted, "answer", staticmethod(answer))
        done = []

        with pytest.raises(ProviderError, match="Gone"):
            done += [one.delivery_id for one in Scripted({}).send(batch, now=now, connections=3)]

        assert 7 not in done

    def test_what_broke_midway_is_unknown(self, batch, now, monkeypatch):
        def answer(message):
            if message.delivery_id == 7:
                raise RuntimeError("boom")
            return Outcome(message.delivery_id)

        monkeypatch.setattr(Scripted, "answer", staticmethod(answer))
        done = {}

        def run():
            for one in Scripted({}).send(batch, now=now, connections=3):
                done[one.delivery_id] = one.state

        with pytest.raises(RuntimeError, match="boom"):
            run()

        assert done.pop(7) == "unknown"
        assert set(done.values()) == {"sent"}
