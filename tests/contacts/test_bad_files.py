"""Files that are not what they should be: a clear error with its place, nothing half stored."""

import codecs

import pytest

from contacts import actions
from contacts.imports.faults import ImportFaultError
from contacts.imports.rejects import harmless, rejects_csv
from contacts.imports.running import run_import
from contacts.models import Contact, Import, ImportReject, Subscription
from tests.factories import ListFactory, ProfileFieldFactory, ProfileFieldGroupFactory

HEADER = "email,first name\n"


@pytest.fixture
def store(inside_acme, settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    return ListFactory(name="Store Customers")


@pytest.fixture
def load(store, now):
    def load(file, columns=None, **layout):
        imported = actions.create_import(
            kind="contacts",
            list=store,
            file_name="shoppers.csv",
            file=file if isinstance(file, bytes) else file.encode(),
            mapping={**layout, **({"columns": columns} if columns else {})},
            now=now,
        )
        actions.start_import(imported=imported, now=now)
        run_import(imported.pk, now)
        return Import.objects.get(pk=imported.pk)

    return load


def rejects(imported):
    found = ImportReject.objects.filter(imported=imported, severity="reject").order_by("line")
    return [(reject.line, reject.reason) for reject in found]


def names():
    return dict(Contact.objects.values_list("email_norm", "first_name"))


class TestEncodings:
    @pytest.mark.parametrize(
        "file",
        [
            (HEADER + "zoe@m.example,Zoë\nhans@m.example,Jürgen\n").encode("utf-8"),
            (HEADER + "zoe@m.example,Zoë\nhans@m.example,Jürgen\n").encode("utf-8-sig"),
            (HEADER + "zoe@m.example,Zoë\nhans@m.example,Jürgen\n").encode("utf-16"),
            (HEADER + "zoe@m.example,Zoë\nhans@m.example,Jürgen\n").encode("utf-16-le"),
            (HEADER + "zoe@m.example,Zoë\nhans@m.example,Jürgen\n").encode("utf-16-be"),
            codecs.BOM_UTF32_LE
            + (HEADER + "zoe@m.example,Zoë\nhans@m.example,Jürgen\n").encode("utf-32-le"),
            (HEADER + "zoe@m.example,Zoë\nhans@m.example,Jürgen\n").encode("cp1252"),
            (HEADER + "zoe@m.example,Zoë\r\nhans@m.example,Jürgen\r\n").encode(),
            (HEADER + "zoe@m.example,Zoë\nhans@m.example,Jürgen").replace("\n", "\r").encode(),
            (HEADER + "zoe@m.example,Zoë\nhans@m.example,Jürgen\n").replace(",", ";").encode(),
            (HEADER + "zoe@m.example,Zoë\nhans@m.example,Jürgen\n").replace(",", "\t").encode(),
            (HEADER + "zoe@m.example,Zoë\nhans@m.example,Jürgen\n").replace(",", "|").encode(),
            ('"email","first name"\n"zoe@m.example","Zoë"\n"hans@m.example","Jürgen"\n').encode(),
            ("'email','first name'\n'zoe@m.example','Zoë'\n'hans@m.example','Jürgen'\n").encode(),
            ("\n\n" + HEADER + "\nzoe@m.example,Zoë\n\nhans@m.example,Jürgen\n\n").encode(),
        ],
        ids=[
            "utf-8", "utf-8 with mark", "utf-16 with mark", "utf-16-le", "utf-16-be", "utf-32",
            "cp1252", "windows line ends", "old line ends", "semicolon", "tab", "pipe",
            "double quotes", "single quotes", "blank lines",
        ],
    )  # fmt: skip
    def test_common_ways_of_writing_are_understood(self, load, file):
        imported = load(file)

        assert (rejects(imported), imported.status) == ([], "ProcessingCompleted")
        assert names() == {"zoe@m.example": "Zoë", "hans@m.example": "Jürgen"}

    def test_another_encoding_may_be_named(self, load):
        file = (HEADER + "ivan@m.example,Иван\n").encode("cp1251")

        load(file, encoding="windows-1251")

        assert names() == {"ivan@m.example": "Иван"}

    def test_a_wrong_encoding_rejects_its_lines_with_their_bytes(self, load):
        file = (HEADER + "ann@m.example,Ann\nzoe@m.example,Zoë\n").encode("latin-1")

        imported = load(file, encoding="utf-8")

        assert rejects(imported) == [
            (3, "Byte 17 of the line (0xEB) is not UTF-8: the file has another encoding.")
        ]
        assert names() == {"ann@m.example": "Ann"}

    def test_a_few_broken_bytes_do_not_change_the_encoding_of_the_rest(self, load):
        file = "".join(f"p{number}@m.example,Zoë\n" for number in range(5)).encode()

        imported = load(HEADER.encode() + file + b"bad@m.example,Zo\xeb\n")

        assert [line for line, _ in rejects(imported)] == [7]
        assert set(names().values()) == {"Zoë"}

    def test_broken_utf_16_is_refused_with_its_place(self, load):
        file = codecs.BOM_UTF16_LE + HEADER.encode("utf-16-le") + b"\x00\xd8a\x00"

        with pytest.raises(ImportFaultError) as refused:
            load(file)

        assert "UTF-16" in refused.value.message
        assert "byte" in refused.value.message

    @pytest.mark.parametrize(
        ("file", "word"),
        [
            (b"", "empty"),
            (b"  \n ", "empty"),
            (b"PK\x03\x04\x14\x00", "Excel"),
            (b"\xd0\xcf\x11\xe0\xa1\xb1", "Excel"),
            (b"%PDF-1.7", "PDF"),
            (b"\x1f\x8b\x08", "gzip"),
        ],
    )
    def test_what_is_no_text_is_refused(self, load, file, word):
        with pytest.raises(ImportFaultError, match=word):
            load(file)

        assert not Import.objects.exists()

    @pytest.mark.parametrize("encoding", ["klingon", "hex"])
    def test_an_unknown_encoding_is_refused(self, load, encoding):
        with pytest.raises(ImportFaultError, match="encoding"):
            load(HEADER, encoding=encoding)


class TestHeaders:
    def test_a_column_named_twice_is_refused_with_both_places(self, load):
        with pytest.raises(ImportFaultError) as refused:
            load("Email,Name,email\na@m.example,Ann,b@m.example\n")

        assert refused.value.message == (
            "Line 1: the header names 'email' twice, in columns 1 and 3."
        )
        assert not Import.objects.exists()

    def test_empty_names_may_repeat(self, load):
        load("email,,first name,\na@m.example,,Ann,\n")

        assert names() == {"a@m.example": "Ann"}

    def test_a_file_without_an_address_names_what_is_missing(self, load):
        with pytest.raises(ImportFaultError) as refused:
            load("name,colour\nAnn,red\n")

        assert refused.value.message == (
            "A column is missing: Email (or customer number, or phone)."
        )

    def test_a_mapping_beyond_the_columns_is_refused(self, load):
        with pytest.raises(ImportFaultError, match="column 4, the file has 2"):
            load(HEADER, columns=[{"column": 3, "target": "email"}])

    @pytest.mark.parametrize("target", ["field:999999", "phone_list:1", "nonsense"])
    def test_an_unknown_target_is_refused(self, load, target):
        with pytest.raises(ImportFaultError, match="nothing that a column can be"):
            load(HEADER, columns=[{"column": 0, "target": target}])

    def test_a_file_without_a_header_is_taken_whole(self, load):
        imported = load("a@m.example,Ann\nb@m.example,Bob\n")

        assert imported.mapping["has_header"] is False
        assert set(names()) == {"a@m.example", "b@m.example"}


class TestLines:
    def test_missing_and_surplus_columns_are_rejects(self, load):
        imported = load(
            "email,first name,note\na@m.example,Ann\nb@m.example,Bob,x,y\nc@m.example,Cy,,,\n"
        )

        assert rejects(imported) == [
            (2, "The line has 2 of 3 columns."),
            (3, "The line has 4 columns, the header 3."),
        ]
        assert set(names()) == {"c@m.example"}

    def test_a_line_of_two_megabytes_costs_itself_alone(self, load):
        imported = load(
            HEADER + "a@m.example,Ann\nb@m.example," + "x" * 2_000_000 + "\nc@m.example,Cy\n"
        )

        assert rejects(imported) == [(3, "The line is longer than 1 MB.")]
        assert set(names()) == {"a@m.example", "c@m.example"}

    def test_a_nul_byte_costs_its_line_alone(self, load):
        imported = load(HEADER + "a@m.example,A\0nn\nb@m.example,Bob\n")

        assert rejects(imported) == [(2, "Column 2 holds a NUL byte.")]
        assert set(names()) == {"b@m.example"}

    def test_a_quote_that_is_never_closed_costs_its_line_alone(self, load):
        lines = "".join(f"p{number}@m.example,Ann\n" for number in range(1200))

        imported = load(HEADER + 'a@m.example,"Ann\n' + lines)

        assert rejects(imported) == [(2, "A quote that opens in this line is never closed.")]
        assert len(names()) == 1200

    def test_a_quote_left_open_at_the_end_costs_its_line_alone(self, load):
        imported = load(HEADER + 'a@m.example,"Ann\nb@m.example,Bob\n')

        assert [line for line, _ in rejects(imported)] == [2]
        assert set(names()) == {"b@m.example"}

    def test_a_value_may_hold_line_ends_quotes_and_backslashes(self, load, store):
        group = ProfileFieldGroupFactory(list=store)
        field = ProfileFieldFactory(group=group, name="Note", data_type="CommentArea")

        load('email,note\na@m.example,"one\n""two""\t\\N \\t"\nb@m.example,x\n')

        assert Subscription.objects.get(contact__email_norm="a@m.example").profile == {
            str(field.pk): 'one\n"two"\t\\N \\t'
        }

    @pytest.mark.parametrize(
        "cell",
        [
            "=1+1",
            '"=HYPERLINK(""http://evil.example"",""click"")"',
            "=cmd|' /C calc'!A0",
            "@SUM(1+1)*cmd|' /C calc'!A0",
            "+cmd|' /C calc'!A0",
            "-cmd|' /C calc'!A0",
        ],
    )
    def test_formula_cells_are_rejects(self, load, cell):
        imported = load(f"{HEADER}a@m.example,{cell}\nb@m.example,Bob\n")

        [(line, reason)] = rejects(imported)
        assert line == 2
        assert reason.startswith("first name: ")
        assert "formula" in reason
        assert set(names()) == {"b@m.example"}

    @pytest.mark.parametrize("cell", ["@grace", "-5", "+1 212 555 0100", "- none -"])
    def test_signs_alone_are_no_formula(self, load, cell):
        imported = load(f"{HEADER}a@m.example,{cell}\n")

        assert rejects(imported) == []
        assert names() == {"a@m.example": cell}

    @pytest.mark.parametrize(
        ("row", "reason"),
        [
            ("nobody,,", "email: 'nobody' is no email address."),
            (",,", "The line names nobody: it has no email address."),
            ("a@m.example,12345,", "phone: '12345' is a phone number of no country."),
            ("a@m.example,,Mars/Base", "time zone: 'Mars/Base' is no IANA time zone."),
        ],
    )
    def test_unusable_values_are_rejects_with_their_column(self, load, row, reason):
        imported = load(f"email,phone,time zone\n{row}\n")

        assert rejects(imported) == [(2, reason)]
        assert not Contact.objects.exists()

    def test_typed_fields_reject_what_they_do_not_take(self, load, store):
        group = ProfileFieldGroupFactory(list=store)
        ProfileFieldFactory(group=group, name="Size", data_type="Numeric")

        imported = load("email,size\na@m.example,big\n")

        assert rejects(imported) == [(2, "size: Size takes a number, not 'big'.")]

    def test_an_unknown_event_is_a_reject(self, load):
        imported = load("email,event\na@m.example,Nothing\n")

        assert rejects(imported) == [(2, "event: the list has no external event 'Nothing'.")]


class TestRejectFile:
    def test_holds_line_reason_and_row_and_nothing_that_calculates(self, load):
        imported = load(f"{HEADER}=1+1@m.example,Ann\nb@m.example,Bob\n")

        lines = "".join(rejects_csv(imported)).splitlines()

        assert lines[0] == "line,severity,reason,row"
        assert lines[1].startswith("2,reject,")
        assert lines[1].endswith("""'=1+1@m.example,Ann\"""")
        assert imported.counts["rejected"] == 1

    @pytest.mark.parametrize("cell", ["=1", "+1", "-1", "@a", "\tx", "\rx"])
    def test_makes_text_of_what_a_spreadsheet_calculates(self, cell):
        assert harmless(cell) == f"'{cell}"
        assert harmless(f"x{cell}") == f"x{cell}"
