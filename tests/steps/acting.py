"""What the tests of action steps share: profiles by name, conversations of any trigger."""

from typing import Any

from conductor.conversations.models import Conversation
from conductor.conversations.reading import read_structure
from contacts.models import Subscription
from tests.engine.world import World


def profile_of(world: World, person: Subscription) -> dict[str, Any]:
    """Return a person's profile by field name."""
    person.refresh_from_db()
    names = {str(field.pk): name for name, field in world.fields.items()}
    return {names[key]: value for key, value in person.profile.items()}


def act(written: str) -> str:
    """Return the line of an action step with the key `act`."""
    return f"{{key: act, action: {{{written}}}}}"


def drawn(world: World, name: str, trigger: str, *steps: str, list_name: str = "") -> Conversation:
    """Return a conversation that is not published, with one thread `Main`."""
    written = f"conversation: {name}\nlist: {list_name or world.in_list.name}\nthreads:\n"
    written += "  - thread: Main\n    steps:\n"
    lines = [f"{{key: start, trigger: {trigger}}}", *steps, "{key: end, terminate: {}}"]
    written += "".join(f"      - {line}\n" for line in lines)
    return Conversation.objects.create(
        list=world.in_list,
        name=name,
        draft=read_structure(written),
        created_at=world.now,
        modified_at=world.now,
    )


def started_by(world: World, name: str, trigger: str, *steps: str) -> Conversation:
    """Publish a conversation with a trigger of its own."""
    conversation = drawn(world, name, trigger, *steps)
    world.publish(conversation, conversation.draft)
    return conversation


def run(world: World, *people: Subscription) -> None:
    """Let people into every conversation by the world's event, and tick."""
    world.happen(*people)
    world.tick()
