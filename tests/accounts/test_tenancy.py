"""Rows of another account do not exist; PostgreSQL itself says so."""

import pytest
from django.db import IntegrityError, ProgrammingError, transaction

from accounts.models import List
from accounts.tenancy import OtherAccountError, in_account, sql
from contacts.models import Subscription
from messaging.models import Delivery
from tests.factories import (
    NOON,
    CommittedMessageFactory,
    ContactFactory,
    DeliveryFactory,
    EnrollmentFactory,
    ListFactory,
    SubscriptionFactory,
    VersionFactory,
)

TENANT_TABLES = """
    SELECT class.oid, class.relname, class.relrowsecurity, class.relforcerowsecurity
    FROM pg_catalog.pg_class AS class
    WHERE class.relnamespace = 'public'::regnamespace AND class.relkind IN ('r', 'p')
        AND (class.relname = 'accounts_account' OR EXISTS (
            SELECT FROM pg_catalog.pg_attribute AS attribute
            WHERE attribute.attrelid = class.oid AND attribute.attname = 'account_id'
        ))
"""


@pytest.fixture
def shared(acme, globex):
    """A list in each account."""
    with in_account(acme.pk):
        ours = ListFactory()
    with in_account(globex.pk):
        theirs = ListFactory()
    return ours, theirs


@pytest.mark.django_db
class TestTheSuite:
    def test_runs_as_a_plain_role(self):
        role = sql.fetch_one(
            "SELECT rolname, rolsuper, rolbypassrls FROM pg_catalog.pg_roles "
            "WHERE rolname = current_user"
        )

        owned = sql.fetch_value(
            "SELECT count(*) FROM pg_catalog.pg_class WHERE relnamespace = 'public'::regnamespace "
            "AND pg_catalog.pg_get_userbyid(relowner) = current_user"
        )
        assert role == ("conductor_app", False, False)
        assert owned == 0


class TestIsolation:
    def test_nothing_is_seen_outside_an_account(self, shared):
        assert List.objects.count() == 0

    def test_each_account_sees_its_own(self, acme, shared):
        with in_account(acme.pk):
            assert list(List.objects.all()) == [shared[0]]

    def test_inserting_for_another_account_is_refused(self, acme, globex):
        with pytest.raises(ProgrammingError, match="row-level security"), in_account(acme.pk):
            List.objects.create(account=globex, name="Stolen", created_at=NOON)

    def test_a_reference_to_another_accounts_row_is_refused(self, acme, shared):
        with in_account(acme.pk):
            contact = ContactFactory()

        with pytest.raises(IntegrityError, match="list_id"), in_account(acme.pk):
            self.subscribe(contact, shared[1])

    def subscribe(self, contact, elsewhere):
        Subscription.objects.create(
            list_id=elsewhere.pk,
            contact=contact,
            email_key="F" * 26,
            created_at=NOON,
            updated_at=NOON,
        )
        sql.execute("SET CONSTRAINTS ALL IMMEDIATE")

    def test_an_enrollment_in_another_accounts_version_is_refused(self, acme, globex):
        with in_account(globex.pk):
            theirs = VersionFactory()
        with in_account(acme.pk):
            ours = VersionFactory()

        for conversation_id, version in (
            (theirs.conversation_id, theirs),
            (ours.conversation_id, theirs),
            (theirs.conversation_id, ours),
        ):
            with pytest.raises(IntegrityError, match="version_in_conv"), in_account(acme.pk):
                self.enroll(version, conversation_id)

    def test_a_version_of_another_conversation_is_refused(self, acme):
        with in_account(acme.pk):
            ours, other = VersionFactory(), VersionFactory()

        with pytest.raises(IntegrityError, match="version_in_conv"), in_account(acme.pk):
            self.enroll(ours, other.conversation_id)

    def enroll(self, version, conversation_id):
        EnrollmentFactory(version=version, conversation_id=conversation_id)
        sql.execute("SET CONSTRAINTS ALL IMMEDIATE")

    def test_a_delivery_to_or_of_another_account_is_refused(self, acme, globex):
        with in_account(globex.pk):
            message = CommittedMessageFactory()
            theirs = DeliveryFactory(message=message, list=message.list)
        with in_account(acme.pk):
            ours = DeliveryFactory()

        for given, constraint in (
            ({"contact_id": theirs.contact_id}, "contact_id_in_account"),
            ({"message_id": message.pk}, "message_in_list"),
            ({"message_id": message.pk, "list_id": message.list_id}, "message_in_list"),
        ):
            with pytest.raises(IntegrityError, match=constraint), in_account(acme.pk):
                self.alter(ours, given)

    def alter(self, delivery, given):
        Delivery.objects.filter(pk=delivery.pk).update(**given)
        sql.execute("SET CONSTRAINTS ALL IMMEDIATE")

    def test_another_account_cannot_be_opened_inside(self, acme, globex):
        with (
            in_account(acme.pk),
            pytest.raises(OtherAccountError),
            in_account(globex.pk),
        ):
            pass

    def test_leaving_puts_the_former_setting_back(self, acme):
        with transaction.atomic():
            with in_account(acme.pk):
                pass
            assert sql.fetch_value("SELECT current_setting('app.account_id', true)") == ""

    def test_a_failure_leaves_no_account_open(self, acme):
        with pytest.raises(ZeroDivisionError), in_account(acme.pk):
            raise ZeroDivisionError

        assert List.objects.count() == 0

    def test_a_subscription_lives_in_its_account(self, acme, globex):
        with in_account(acme.pk):
            SubscriptionFactory()
        with in_account(globex.pk):
            assert Subscription.objects.count() == 0


@pytest.mark.django_db
class TestTheCatalog:
    def test_every_tenant_table_has_a_forced_policy(self):
        bare = [
            name
            for oid, name, enabled, forced in sql.fetch_all(TENANT_TABLES)
            if not (enabled and forced and _tenant_policy(oid))
        ]

        assert bare == []

    def test_there_are_tenant_tables_and_partitions_to_look_at(self):
        names = {row[1] for row in sql.fetch_all(TENANT_TABLES)}

        assert {"contacts_contact", "contacts_event", "contacts_event_default"} <= names

    def test_every_unique_key_but_the_surrogate_contains_the_account(self):
        loose = sql.fetch_all(
            f"""
            SELECT tenant.relname, index_class.relname
            FROM ({TENANT_TABLES}) AS tenant
            JOIN pg_catalog.pg_index AS index ON index.indrelid = tenant.oid AND index.indisunique
            JOIN pg_catalog.pg_class AS index_class ON index_class.oid = index.indexrelid
            WHERE NOT index.indisprimary AND tenant.relname <> 'accounts_account'
                AND NOT EXISTS (
                    SELECT FROM pg_catalog.pg_attribute AS attribute
                    WHERE attribute.attrelid = tenant.oid AND attribute.attname = 'account_id'
                        AND attribute.attnum = ANY (index.indkey)
                )
            """
        )

        assert loose == []

    def test_every_reference_between_tenant_tables_contains_the_account(self):
        loose = sql.fetch_all(
            f"""
            SELECT tenant.relname, reference.conname
            FROM ({TENANT_TABLES}) AS tenant
            JOIN pg_catalog.pg_constraint AS reference
                ON reference.conrelid = tenant.oid AND reference.contype = 'f'
            JOIN ({TENANT_TABLES}) AS target ON target.oid = reference.confrelid
            WHERE target.relname <> 'accounts_account' AND NOT EXISTS (
                SELECT FROM pg_catalog.pg_attribute AS attribute
                WHERE attribute.attrelid = tenant.oid AND attribute.attname = 'account_id'
                    AND attribute.attnum = ANY (reference.conkey)
            )
            """
        )

        assert loose == []

    def test_the_plain_role_reaches_no_partition_directly(self):
        open_doors = sql.fetch_all(
            """
            SELECT class.relname FROM pg_catalog.pg_inherits AS inherits
            JOIN pg_catalog.pg_class AS class ON class.oid = inherits.inhrelid
            WHERE class.relkind = 'r'
                AND has_table_privilege('conductor_app', class.oid, 'SELECT, INSERT, UPDATE, DELETE')
            """
        )

        assert open_doors == []


def _tenant_policy(oid: int) -> bool:
    condition = sql.fetch_value(
        "SELECT pg_catalog.pg_get_expr(polwithcheck, polrelid) FROM pg_catalog.pg_policy "
        "WHERE polrelid = %(oid)s AND polname = 'tenant' AND polqual IS NOT NULL",
        oid=oid,
    )
    return condition is not None and "app.account_id" in condition
