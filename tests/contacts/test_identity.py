"""Addresses, numbers, moments and values: one normal form each."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.actions import InvalidValueError
from accounts.tenancy import sql
from contacts.actions.profile import append_text
from contacts.identity import (
    EMAIL_KEY_SQL,
    email_key,
    normalise_email,
    normalise_phone,
    read_date,
    read_moment,
)
from contacts.models import DataType, ProfileField
from contacts.values import clean_value, reader_of

NEW_YORK = ZoneInfo("America/New_York")
LOCAL = st.from_regex(r"[A-Za-z0-9_]+([.+-][A-Za-z0-9_]+){0,2}", fullmatch=True)
DOMAIN = st.from_regex(r"([A-Za-z0-9]{1,10}\.){1,2}[A-Za-z]{2,6}", fullmatch=True)


class TestEmail:
    @pytest.mark.parametrize(
        ("written", "norm"),
        [
            (" Grace@Mail.Example ", "grace@mail.example"),
            ("grace+shoes@mail.example", "grace+shoes@mail.example"),
            ("o'brien@mail.example", "o'brien@mail.example"),
            ("grace@bücher.example", "grace@xn--bcher-kva.example"),
            ("grace@BÜCHER.example", "grace@xn--bcher-kva.example"),
            ("zoe\u0308@mail.example", "zo\u00eb@mail.example"),
        ],
    )
    def test_has_one_normal_form(self, written, norm):
        assert normalise_email(written) == norm

    @pytest.mark.parametrize(
        "written",
        [
            "", "grace", "grace@", "@mail.example", "grace@mail", "grace@mail.e", "a b@mail.example",
            "grace@@mail.example", ".grace@mail.example", "grace.@mail.example",
            "gr..ace@mail.example", "grace@-mail.example", "grace@mail..example",
            "grace@[127.0.0.1]", '"a b"@mail.example', "grace@mail.example,ada@mail.example",
            "grace\0@mail.example", "gr\nace@mail.example", f"{'a' * 65}@mail.example",
            f"a@{'b' * 64}.example", f"a@{'b.' * 130}example", "grace@mail.123",
        ],
    )  # fmt: skip
    def test_refuses_what_is_no_address(self, written):
        with pytest.raises(InvalidValueError) as refused:
            normalise_email(written)

        assert refused.value.field == "emailAddress"

    @given(local=LOCAL, domain=DOMAIN)
    def test_the_normal_form_is_its_own(self, local, domain):
        written = f"{local[:60]}@{domain}"
        norm = normalise_email(f" {written.upper()}\t")

        assert norm == normalise_email(norm) == normalise_email(written)

    @given(text=st.text(max_size=40))
    def test_any_text_is_an_address_or_refused(self, text):
        try:
            norm = normalise_email(text)
        except InvalidValueError:
            return
        assert "\0" not in norm
        assert norm == normalise_email(norm)


@pytest.mark.django_db
@pytest.mark.parametrize("email", ["grace@mail.example", "zoë@mail.example", "'@x.example"])
def test_the_email_key_is_the_same_in_sql(email):
    statement = "SELECT " + EMAIL_KEY_SQL.format(list_id="%(list_id)s", email_norm="%(email)s")

    key = sql.fetch_value(statement, list_id=12345, email=email)

    assert key == email_key(12345, email)
    assert len(key) == 26


class TestPhone:
    @pytest.mark.parametrize(
        ("written", "region", "norm"),
        [
            ("(212) 555-0100", "US", "+12125550100"),
            ("1 212 555 0100", "US", "+12125550100"),
            ("12125550100", "GB", "+12125550100"),
            ("+44 20 7946 0958", "US", "+442079460958"),
            ("020 7946 0958", "GB", "+442079460958"),
            ("030 123456", "de", "+4930123456"),
            ("2125550100", "", "+12125550100"),
        ],
    )
    def test_has_one_normal_form(self, written, region, norm):
        assert normalise_phone(written, region) == norm

    @pytest.mark.parametrize(
        "written", ["", "12345", "911", "grace", "+999 123456789", "0000000000"]
    )
    def test_refuses_a_number_of_no_country(self, written):
        with pytest.raises(InvalidValueError) as refused:
            normalise_phone(written, "US")

        assert refused.value.field == "phoneNumber"


class TestMoment:
    @pytest.mark.parametrize(
        ("written", "moment"),
        [
            ("2026-11-20T10:00:00Z", datetime(2026, 11, 20, 10, tzinfo=UTC)),
            ("2026-11-20T10:00:00+0000", datetime(2026, 11, 20, 10, tzinfo=UTC)),
            ("2026-11-20T10:00:00-08:00", datetime(2026, 11, 20, 18, tzinfo=UTC)),
            ("2026-11-20T10:00:00", datetime(2026, 11, 20, 15, tzinfo=UTC)),
            ("2026-11-20 10:00", datetime(2026, 11, 20, 15, tzinfo=UTC)),
            ("2026-11-20T10:00:00.65", datetime(2026, 11, 20, 15, 0, 0, 650_000, tzinfo=UTC)),
            ("2026-11-20", datetime(2026, 11, 20, 5, tzinfo=UTC)),
            ("20261120", datetime(2026, 11, 20, 5, tzinfo=UTC)),
            ("11/20/2026", datetime(2026, 11, 20, 5, tzinfo=UTC)),
            ("11-20-2026", datetime(2026, 11, 20, 5, tzinfo=UTC)),
            ("11/20/2026 2:30 PM", datetime(2026, 11, 20, 19, 30, tzinfo=UTC)),
            ("11/20/2026 12:05 am", datetime(2026, 11, 20, 5, 5, tzinfo=UTC)),
            # The gap of spring goes to its end, the fold of autumn to the first of the two.
            ("2026-03-08T02:30:00", datetime(2026, 3, 8, 7, tzinfo=UTC)),
            ("2026-11-01T01:30:00", datetime(2026, 11, 1, 5, 30, tzinfo=UTC)),
        ],
    )
    def test_is_read_in_the_accounts_zone(self, written, moment):
        assert read_moment(f" {written} ", NEW_YORK) == moment

    @pytest.mark.parametrize(
        "written",
        ["", "soon", "31/12/2026", "2026-02-30", "0001-01-01T00:00:00", "2026-W03", "13/40/2026",
         "11/20/2026 13:00 PM", "9999-12-31"],
    )  # fmt: skip
    def test_garbage_is_refused(self, written):
        with pytest.raises(InvalidValueError) as refused:
            read_moment(written, NEW_YORK)

        assert refused.value.field == "date"

    def test_a_date_is_read_as_it_is_written(self):
        assert read_date("2026-11-20T23:59:59Z") == read_date("11/20/2026") == date(2026, 11, 20)


class TestValues:
    @given(
        data_type=st.sampled_from(DataType.values),
        text=st.one_of(
            st.text(min_size=1, max_size=12),
            st.sampled_from(
                ["on", "YES", "0", "x", "12", "1,234.5", "007", "-3", "1e5", "٣", "12/31/2026",
                 "2026-12-31", "2026-02-30", "1850-01-01", "2026-12-31T10:00", "20261231"]
            ),
        ),
    )  # fmt: skip
    def test_the_short_way_reads_as_the_long_one(self, data_type, text):
        text = text.strip()
        if not text or "\0" in text:
            return
        field = ProfileField(name="Size", data_type=data_type, max_length=8)

        def outcome(read):
            try:
                return read()
            except InvalidValueError as refused:
                return refused.message

        long = outcome(lambda: clean_value(field, text))
        short = outcome(lambda: reader_of(field)(text))

        assert (short, type(short)) == (long, type(long))

    @pytest.mark.parametrize(
        ("data_type", "raw", "value"),
        [
            ("Numeric", "1,234.50", 1234.5),
            ("Numeric", "38.0", 38),
            ("Numeric", " -2 ", -2),
            ("Numeric", 7, 7),
            ("CheckBox", True, "on"),
            ("CheckBox", "0", "off"),
            ("Date", "2026-12-31T23:00:00", "2026-12-31"),
            ("RadioButton", " Large ", "Large"),
            ("Text", "", None),
            ("Numeric", None, None),
        ],
    )
    def test_are_typed_when_written(self, data_type, raw, value):
        assert clean_value(ProfileField(name="Size", data_type=data_type), raw) == value

    @pytest.mark.parametrize("raw", ["nan", "inf", "1e5", "12,34", True, "1e400", "9" * 16])
    def test_numbers_are_finite_and_plain(self, raw):
        with pytest.raises(InvalidValueError):
            clean_value(ProfileField(name="Size", data_type="Numeric"), raw)


class TestAppending:
    @pytest.mark.parametrize(
        ("stored", "added", "limit", "text"),
        [
            (None, "red", 0, "red"),
            ("red", "red", 0, "red"),
            ("red", "blue", 0, "red,blue"),
            ("red,blue", "blue,green", 0, "red,blue,green"),
            ("red", "blue", 7, "red"),
            ("red", "blue", 8, "red,blue"),
        ],
    )
    def test_adds_the_parts_that_are_new_and_fit(self, stored, added, limit, text):
        assert append_text(stored, added, limit) == text
