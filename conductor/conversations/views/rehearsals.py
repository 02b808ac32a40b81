"""The run tester: start a test run, watch how its contacts went."""

import json
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.actions import InvalidValueError
from accounts.forms import show_refusal
from accounts.permissions import AccountRequest, requires
from conductor.conversations.actions import UnsoundConversationError
from conductor.conversations.actions.rehearsing import Start, end_rehearsal, start_rehearsal
from conductor.conversations.document import parse_document
from conductor.conversations.drawing import step_title
from conductor.conversations.explaining import ended_words
from conductor.conversations.models import Conversation, Enrollment, Visit
from conductor.conversations.remarks import held_sentence
from conductor.conversations.views.finding import Opened, clock, open_conversation
from contacts.models import Contact, ExternalEvent, ProfileField
from messaging.eligibility import sentence
from messaging.models import Delivery
from messaging.previews import named_contact

# What an exit's name says of somebody who left by it; of others: by which branch.
TOOK = {
    "next": "",
    "end": "",
    "match": "",
    "failed": "failed",
    "else": "took the way of everybody else",
    "otherwise": "did not match",
    "past": "the time was past",
    "no_date": "has no date",
    "timed_out": "did not happen in time",
    "happened": "happened",
}


class RehearsalForm(forms.Form):
    """Who runs the draft, how fast, and to whom its messages go."""

    emails = forms.CharField(
        label="Test contacts",
        help_text="Email addresses of contacts on this list, one a line, at most 20.",
        widget=forms.Textarea(attrs={"rows": 3, "autofocus": True}),
    )
    thread = forms.ChoiceField(label="They enter by the thread", required=False)
    event = forms.ChoiceField(
        label="as if this event had happened",
        required=False,
        help_text="Rules on how they entered, and messages, see it.",
    )
    properties = forms.CharField(
        label="Its properties",
        required=False,
        help_text='As JSON, such as {"sku": "A1"}.',
        widget=forms.Textarea(attrs={"rows": 2, "spellcheck": "false"}),
    )
    speed = forms.ChoiceField(
        label="Speed",
        choices=[
            ("full", "Full speed: nobody waits"),
            ("real", "Real: waits are as drawn"),
        ],
        widget=forms.RadioSelect,
        initial="full",
    )
    recipients = forms.ChoiceField(
        label="Messages go to",
        choices=[
            ("sandbox", "The Sandbox inbox only"),
            ("own", "Members of this account by email, everybody else's to the Sandbox inbox"),
        ],
        widget=forms.RadioSelect,
        initial="sandbox",
    )

    def clean_properties(self) -> dict[str, Any]:
        """Read the JSON object."""
        written = self.cleaned_data["properties"].strip()
        try:
            properties = json.loads(written or "{}")
        except ValueError as fault:
            raise forms.ValidationError(f"This is not JSON: {fault}.") from fault
        if not isinstance(properties, dict):
            raise forms.ValidationError('This is a JSON object, such as {"sku": "A1"}.')
        return properties


@require_http_methods(["GET", "POST"])
@requires("edit")
def tester(request: AccountRequest, list_id: int, conversation_id: int) -> HttpResponse:
    """Show the form and the runs so far; start one."""
    opened = open_conversation(request, list_id, conversation_id)
    form = RehearsalForm(request.POST or None)
    threads = [(thread.name, thread.name) for thread in opened.document.threads]
    events = ExternalEvent.objects.filter(list=opened.in_list).order_by("name")
    form.fields["thread"].choices = threads  # type: ignore[attr-defined]
    form.fields["event"].choices = [  # type: ignore[attr-defined]
        ("", "No event"),
        *((event.name, event.name) for event in events),
    ]
    if request.method == "POST" and form.is_valid():
        run = _start(opened, form)
        if run is not None:
            return opened.to("rehearsal", run.pk)
    runs = Conversation.objects.filter(rehearsal_of=opened.conversation).order_by("-pk")[:20]
    return render(
        request,
        "conversations/tester.html",
        {
            **opened.context(now=clock()),
            "page_title": "Run Tester",
            "breadcrumbs": opened.crumbs(("Run Tester", "")),
            "form": form,
            "runs": runs,
            "problem_count": len(opened.problems),
        },
        status=422 if form.errors else 200,
    )


def _start(opened: Opened, form: RehearsalForm) -> Conversation | None:
    given = form.cleaned_data
    try:
        return start_rehearsal(
            conversation=opened.conversation,
            emails=given["emails"].replace(",", " ").split(),
            speed=given["speed"],
            write_to_own=given["recipients"] == "own",
            start=Start(given["thread"], given["event"], given["properties"]),
            now=clock(),
            by=opened.request.user,
        )
    except UnsoundConversationError as unsound:
        form.add_error(None, f"The draft cannot run yet: {unsound.problems[0].text}")
    except InvalidValueError as refused:
        show_refusal(form, refused, {"emailAddress": "emails"})
    return None


@require_GET
@requires("edit")
def rehearsal(
    request: AccountRequest, list_id: int, conversation_id: int, run_id: int
) -> HttpResponse:
    """Show how each contact of a test run went: steps, exits, messages."""
    opened = open_conversation(request, list_id, conversation_id)
    run = _run(opened, run_id)
    steps = parse_document(run.draft).steps()
    titles = {key: step_title(step) for key, step in steps.items()}
    journeys = _journeys(run, titles)
    return render(
        request,
        "conversations/rehearsal.html#journeys" if request.htmx else "conversations/rehearsal.html",
        {
            **opened.context(now=clock()),
            "page_title": "Test run",
            "breadcrumbs": opened.crumbs(("Run Tester", opened.url("tester")), ("Test run", "")),
            "run": run,
            "journeys": journeys,
            "expected": len(run.rehearsal.get("emails", [])),
            "is_moving": any(journey["enrollment"].ended_at is None for journey in journeys)
            or len(journeys) < len(run.rehearsal.get("emails", [])),
        },
    )


def _run(opened: Opened, run_id: int) -> Conversation:
    return get_object_or_404(Conversation, pk=run_id, rehearsal_of=opened.conversation)


def _journeys(run: Conversation, titles: dict[str, str]) -> list[dict[str, Any]]:
    rows = list(Enrollment.objects.filter(conversation=run).order_by("pk"))
    people = Contact.objects.in_bulk([row.contact_id for row in rows])
    visits: dict[int, list[Visit]] = {}
    for visit in Visit.objects.filter(enrollment_id__in=[row.pk for row in rows]).order_by("pk"):
        visits.setdefault(visit.enrollment_id, []).append(visit)
    sent = {
        (row.enrollment_id, row.step_key, row.visit_number): row
        for row in Delivery.objects.filter(conversation_id=run.pk)
    }
    set_by = _set_by_visits(run)
    return [
        {
            "enrollment": row,
            "name": named_contact(people[row.contact_id])
            if row.contact_id in people
            else "deleted",
            "contact": people.get(row.contact_id),
            "step": titles.get(row.step_key, row.step_key),
            "ended": ended_words(row.end_reason),
            "held": "" if row.ended_at else held_sentence(row.held_reason),
            "visits": [
                {
                    "visit": visit,
                    "took": TOOK.get(visit.exit, f"took {visit.exit}"),
                    "title": titles.get(visit.step_key, visit.step_key),
                    "delivery": delivery,
                    "why": sentence(delivery.reason) if delivery and delivery.reason else "",
                    "set": set_by.get((row.contact_id, visit.step_key, visit.visit_number), []),
                }
                for visit in visits.get(row.pk, [])
                for delivery in [sent.get((row.pk, visit.step_key, visit.visit_number))]
            ],
        }
        for row in rows
    ]


def _set_by_visits(run: Conversation) -> dict[tuple[int, str, int], list[tuple[str, Any]]]:
    """Return the fields that visits set in the run, (name, value), by contact, step and visit."""
    changes = [
        (int(contact_id), change)
        for contact_id, state in run.rehearsal.get("state", {}).items()
        for change in state["changes"]
    ]
    if not changes:
        return {}
    fields = ProfileField.objects.filter(list=run.list_id).select_related("group")
    names = {str(field.pk): f"{field.group.name}.{field.name}" for field in fields}
    return {
        (contact_id, change["step_key"], change["visit"]): [
            (names[key], value) for key, value in change["profile"].items() if key in names
        ]
        for contact_id, change in changes
    }


@require_POST
@requires("edit")
def forget(
    request: AccountRequest, list_id: int, conversation_id: int, run_id: int
) -> HttpResponse:
    """Remove a test run."""
    opened = open_conversation(request, list_id, conversation_id)
    end_rehearsal(run=_run(opened, run_id), now=clock(), by=request.user)
    messages.success(request, "The test run is removed.")
    return opened.to("tester")
