"""Erasure (beyond the wire): forgetting people, and proof that it was done."""

from datetime import datetime, timedelta

from pydantic import Field

from accounts.actions import InvalidValueError
from accounts.wire import (
    Created,
    Frame,
    Id,
    InvalidParameterError,
    Resource,
    WireIn,
    WireOut,
    WireRequest,
    created,
    found,
)
from accounts.wire.limits import Limit
from contacts.actions.erasure import erase, find_people
from contacts.identity import normalise_email, normalise_phone
from contacts.models import Erasure

erasures = Frame("/conductor/v1", integration="email", tag="Erasure")
forgets = Frame("/privacy/v1", integration="privacy", tag="Forget")

# The vendor's: 20 in 10 seconds, 60 in a minute.
LIMITS = (Limit(20, timedelta(seconds=10)), Limit(60, timedelta(minutes=1)))
PROCESSING, COMPLETE = "PROCESSING", "COMPLETE"


class ErasureIn(WireIn):
    """Who is to be forgotten: an address, a number, or both."""

    email_address: str = ""
    phone_number: str = ""


class ForgetOut(WireOut):
    """Where a request to forget somebody stands."""

    request_id: str = Field(alias="requestID")
    status: str
    submitted_date: datetime
    processed_date: datetime | None


class ErasureOut(WireOut):
    """That people were forgotten: how many contacts, and when."""

    erasure_id: int
    contacts: int
    requested_date: datetime
    erased_date: datetime | None


@erasures.post("/Erasure", levels=["Contact"])
def create_erasure(request: WireRequest, body: ErasureIn) -> Created:
    """
    Forget whoever has the address or the number, at once and in every list.

    Nobody found is no error: the answer does not say whom we know.
    """
    return created(forgotten(request, body).pk)


def forgotten(request: WireRequest, body: ErasureIn) -> Erasure:
    """
    Forget whoever a body names.

    :raises InvalidParameterError: for what is no address or number, or neither.
    """
    try:
        email = normalise_email(body.email_address) if body.email_address.strip() else ""
        phone = normalise_phone(body.phone_number) if body.phone_number.strip() else ""
    except InvalidValueError as unreadable:
        raise InvalidParameterError(unreadable.field) from unreadable
    if not (email or phone):
        raise InvalidParameterError("emailAddress")
    return erase(
        contacts=find_people(email_norm=email, phone_e164=phone),
        phones=[phone] if phone else [],
        now=request.now,
        source="api",
        by=request.client,
    )


@erasures.get("/Erasure/{erasure_id}", answer=Resource[ErasureOut], levels=["Contact"])
def one_erasure(request: WireRequest, erasure_id: Id) -> Resource[ErasureOut]:
    """Return what is kept of an erasure."""
    row = found(Erasure.objects.all(), pk=erasure_id)
    return Resource[ErasureOut](
        data=ErasureOut(
            erasure_id=row.pk,
            contacts=row.contacts,
            requested_date=row.requested_at,
            erased_date=row.erased_at,
        )
    )


@forgets.post("/Forget", limits=LIMITS)
def create_forget(request: WireRequest, body: ErasureIn) -> Created:
    """
    Forget whoever has the address or the number; nobody found is no error.

    Done when it is answered, in every list: the contact, its values, events, consents and texts go;
    orders and deliveries stay without anybody. An address that had opted out stays suppressed, by
    its hash. At most 20 calls in 10 seconds and 60 in a minute, beyond them 429.
    """
    return created(forgotten(request, body).pk)


@forgets.get("/Forget/{request_id}", answer=Resource[ForgetOut])
def one_forget(request: WireRequest, request_id: Id) -> Resource[ForgetOut]:
    """
    Return where a request to forget somebody stands.

    `status` is COMPLETE: the request is carried out before it is answered.
    """
    row = found(Erasure.objects.all(), pk=request_id)
    return Resource[ForgetOut](
        data=ForgetOut(
            requestID=str(row.pk),
            status=COMPLETE if row.erased_at else PROCESSING,
            submitted_date=row.requested_at,
            processed_date=row.erased_at,
        )
    )
