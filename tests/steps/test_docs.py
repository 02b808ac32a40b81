"""What the builder says of a step is its file's docstring."""

import importlib
import inspect

import pytest

from conductor.steps import docs_of, step_types
from conductor.steps.action import acts


class TestDocs:
    @pytest.mark.parametrize("kind", sorted(step_types()))
    def test_of_a_kind_are_those_of_its_file(self, kind: str) -> None:
        step = step_types()[kind]
        module = importlib.import_module(type(step).__module__)

        docs = step.docs(step.Config.read({}))

        written = inspect.getdoc(module) or ""
        assert len(docs.splitlines()) == written.count("\n\n") + 1
        assert docs.splitlines()[0] == written.splitlines()[0]
        assert not {"*", "`"} & set(docs)

    @pytest.mark.parametrize("name", sorted(acts()))
    def test_of_an_action_tell_of_the_chosen_act(self, name: str) -> None:
        act, action = acts()[name], step_types()["action"]
        setting = {} if hasattr(act.Setting, "model_fields") else "VIPs"

        docs = action.docs(action.Config.read({name: setting}))

        assert docs == f"{docs_of(action)}\n{docs_of(act)}"
        assert docs_of(act) != docs_of(action)
