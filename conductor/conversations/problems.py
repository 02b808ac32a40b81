"""What keeps a well-formed conversation from being published, each problem at its step."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass

from conductor.conversations.document import Document, StepNode, ThreadNode
from conductor.conversations.graph import Exits, loops_without_wait, reachable, resolved_exits
from conductor.conversations.names import ListNames
from conductor.steps import rule_problems
from contacts import filters


@dataclass(frozen=True)
class Problem:
    """
    Why a conversation cannot run, and where.

    `path` is the file's (`threads[0].steps[2].message.saved_message`); `thread` is a
    name, `step` a key; both are "" where the problem is not one of theirs.
    """

    path: str
    thread: str
    step: str
    code: str
    text: str

    def as_dict(self) -> dict[str, str]:
        """Return it as JSON has it."""
        return asdict(self)


def find_problems(
    document: Document, names: ListNames, commits: Mapping[str, int]
) -> list[Problem]:
    """Return every problem, in file order; `commits` maps message steps to committed copies."""
    found = [*_heading_problems(document, names), *_thread_problems(document)]
    exits = resolved_exits(document)
    rings = _ring_ends(document, exits)
    for path, thread, step in document.places():
        found += _settings_problems(path, thread, step, names)
        found += _since_problems(path, thread, step, document)
        found += _target_problems(path, thread, step, document, exits)
        found += _commit_problems(path, thread, step, names, commits)
        found += _address_problems(path, thread, step, names)
        if step.key in rings:
            text = f"Contacts would go round without a wait: {' → '.join(rings[step.key])}."
            found.append(Problem(path, thread.name, step.key, "loop_without_wait", text))
    order = {path: place for place, (path, _, _) in enumerate(document.places())}
    return sorted(found, key=lambda problem: _place(problem.path, order))


def find_warnings(document: Document) -> list[Problem]:
    """Return what looks wrong but runs: steps out of reach, decisions that change nothing."""
    exits = resolved_exits(document)
    found = reachable(document, exits)
    warned = []
    for path, thread, step in document.places():
        if step.key not in found:
            text = "Nobody can come to this step."
            warned.append(Problem(path, thread.name, step.key, "unreachable", text))
        if _changes_nothing(step, exits[step.key]):
            text = (
                "All ways lead to the same step, so nothing differs by this choice yet. "
                "Lead one of them elsewhere, to a new thread for example."
            )
            warned.append(Problem(path, thread.name, step.key, "ways_alike", text))
    return warned


def _changes_nothing(step: StepNode, leads: Mapping[str, str | None]) -> bool:
    """Say whether a decision's ways all lead to one place, and it keeps nothing besides."""
    decides = step.kind == "if" or (step.kind == "split" and not step.config.store)
    return decides and len(leads) > 1 and len(set(leads.values())) == 1


def _place(path: str, order: Mapping[str, int]) -> int:
    """Sort problems of the whole first, then by step."""
    step = path[: path.find("]", path.find(".steps[")) + 1] if ".steps[" in path else ""
    return order.get(step, -1)


def _heading_problems(document: Document, names: ListNames) -> Iterator[Problem]:
    """Find unknown names and steps in the rules of the conversation as a whole."""
    steps = document.steps()
    for setting, rule in document.heading.rules().items():
        for problem in rule_problems(setting, rule, names):
            yield Problem(problem.path, "", "", problem.code, problem.text)
        for key, at in filters.steps_counted_from(filters.parse(rule)):
            if key not in steps:
                text = f"There is no step “{key}” to count from."
                yield Problem(f"{setting}.{at}", "", "", "unknown_step", text)


def _thread_problems(document: Document) -> Iterator[Problem]:
    if not document.threads:
        text = "The conversation has no thread yet."
        yield Problem("threads", "", "", "no_threads", text)
    for number, thread in enumerate(document.threads):
        path = f"threads[{number}]"
        if not thread.steps:
            text = "A thread begins with a trigger and ends with a terminate step."
            yield Problem(path, thread.name, "", "no_trigger_first", text)
            continue
        yield from _order_problems(path, thread)


def _order_problems(path: str, thread: ThreadNode) -> Iterator[Problem]:
    """Check that the first step is the only trigger and the last one a terminate."""
    first, last = thread.steps[0], thread.steps[-1]
    if first.kind != "trigger":
        text = "A thread's first step is its trigger."
        yield Problem(f"{path}.steps[0]", thread.name, first.key, "no_trigger_first", text)
    for place, step in enumerate(thread.steps):
        if place and step.kind == "trigger":
            text = "Only the first step of a thread is a trigger."
            yield Problem(
                f"{path}.steps[{place}]", thread.name, step.key, "trigger_not_first", text
            )
    if last.kind != "terminate":
        text = "A thread's last step is a terminate step."
        place = len(thread.steps) - 1
        yield Problem(f"{path}.steps[{place}]", thread.name, last.key, "no_terminate_last", text)


def _settings_problems(
    path: str, thread: ThreadNode, step: StepNode, names: ListNames
) -> Iterator[Problem]:
    for problem in step.type.problems(step.config, names):
        within = ".".join(filter(None, (path, step.kind, problem.path)))
        yield Problem(within, thread.name, step.key, problem.code, problem.text)


def _since_problems(
    path: str, thread: ThreadNode, step: StepNode, document: Document
) -> Iterator[Problem]:
    """Find rules that count since a step which the conversation does not have."""
    steps = document.steps()
    for setting, rule in step.type.rules(step.config).items():
        for key, at in filters.steps_counted_from(filters.parse(rule)):
            if key not in steps:
                where = ".".join(filter(None, (path, step.kind, setting, at)))
                text = f"There is no step “{key}” to count from."
                yield Problem(where, thread.name, step.key, "unknown_step", text)
    for setting, key in step.type.steps_named(step.config).items():
        if key not in steps:
            where, text = f"{path}.{step.kind}.{setting}", f"There is no step “{key}”."
            yield Problem(where, thread.name, step.key, "unknown_step", text)


def _target_problems(
    path: str, thread: ThreadNode, step: StepNode, document: Document, exits: Exits
) -> Iterator[Problem]:
    steps = document.steps()
    # An exit that is redirected but not taken (a go to without a filter) is checked, too.
    for name, target in {**exits[step.key], **step.exits}.items():
        if target is None:
            continue
        at = f"{path}.exits.{name}" if name in step.exits else f"{path}.{step.kind}.to"
        if target not in steps:
            text = f"There is no step “{target}” to go to."
            yield Problem(at, thread.name, step.key, "unknown_target", text)
        elif steps[target].kind == "trigger" and not steps[target].config.none:
            text = f"“{target}” is a trigger: only a trigger of kind none can be gone to."
            yield Problem(at, thread.name, step.key, "target_is_trigger", text)


def _commit_problems(
    path: str, thread: ThreadNode, step: StepNode, names: ListNames, commits: Mapping[str, int]
) -> Iterator[Problem]:
    """Find a message that exists but was never committed to this step."""
    use = step.type.message(step.config)
    if use is None or not use.saved or step.key in commits:
        return
    if use.channel == "email":
        exists, setting = names.saved_message(use.saved) is not None, "saved_message"
    else:
        found = names.sms_message(use.short_code, use.phone_list, use.saved)
        exists, setting = found is not None, "sms_message"
    if exists:
        text = f"“{use.saved}” was never committed to this step."
        where = f"{path}.{step.kind}.{setting}"
        yield Problem(where, thread.name, step.key, "never_committed", text)


def _address_problems(
    path: str, thread: ThreadNode, step: StepNode, names: ListNames
) -> Iterator[Problem]:
    """Find an email that the law wants signed with an address that the account has not given."""
    use = step.type.message(step.config)
    is_transaction = bool(getattr(step.config, "transactional", False))
    if use is not None and use.channel == "email" and not (is_transaction or names.postal_address):
        text = (
            "An email that is no transaction carries the account's postal address, and the "
            "account has none: an owner gives it under Account Settings."
        )
        yield Problem(f"{path}.{step.kind}", thread.name, step.key, "no_postal_address", text)


def _ring_ends(document: Document, exits: Exits) -> dict[str, list[str]]:
    """Return, for the last step of each loop without a wait, the loop's steps in file order."""
    order = list(document.steps())
    found = {}
    for ring in loops_without_wait(document, exits):
        keys = sorted(ring, key=order.index)
        found[keys[-1]] = keys
    return found
