"""The rule editor's other half: rules read, checked and written as text."""

from typing import Any

from django.http import HttpResponse, JsonResponse
from django.views.decorators.http import require_POST

from accounts.context import choose_list
from accounts.permissions import AccountRequest, requires
from conductor.conversations.names import ListNames
from conductor.conversations.reading import MalformedConversationError, read_structure
from conductor.conversations.writing import write_yaml
from contacts import filters

LONGEST = 100_000


@require_POST
@requires("view")
def check(request: AccountRequest, list_id: int) -> HttpResponse:
    """
    Read a rule, YAML or JSON, and answer it as JSON, as text and in words.

    `{"rule", "text", "sentence", "problems": [{"path", "text"}]}`; a malformed one has
    problems, and neither text nor sentence. Nothing is stored.
    """
    in_list = choose_list(request, list_id)
    return JsonResponse(read_rule(request.POST.get("rule", "")[:LONGEST], ListNames(in_list)))


def read_rule(written: str, names: ListNames) -> dict[str, Any]:
    """Return what there is to say about a rule's text."""
    if not written.strip():
        return {"rule": {}, "text": "", "sentence": "", "problems": []}
    try:
        structure = read_structure(written)
    except MalformedConversationError as malformed:
        return {
            "problems": [{"path": fault.path, "text": fault.text} for fault in malformed.faults]
        }
    try:
        rule = filters.parse(structure)
    except filters.Malformed as malformed:
        # What is not finished yet is drawn all the same.
        drawn = structure if isinstance(structure, dict) else None
        problems = [{"path": path, "text": text} for path, text in malformed.faults]
        return {"rule": drawn, "problems": problems}
    structure = filters.write(rule)
    return {
        "rule": structure,
        "text": write_yaml(structure),
        "sentence": filters.sentence(rule),
        "problems": [{"path": path, "text": text} for path, text in filters.problems(rule, names)],
    }
