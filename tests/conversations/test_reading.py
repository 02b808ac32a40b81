"""From text to structure: YAML 1.2 core schema, JSON, and what is malformed."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conductor.conversations.reading import MalformedConversationError, read_structure
from conductor.conversations.writing import write_yaml


def faults_of(text, **options):
    with pytest.raises(MalformedConversationError) as malformed:
        read_structure(text, **options)
    return [str(fault) for fault in malformed.value.faults]


class TestReadStructure:
    @pytest.mark.parametrize(
        ("written", "meant"),
        [
            ("on", "on"), ("off", "off"), ("yes", "yes"), ("No", "No"), ("y", "y"),
            ("2026-11-30", "2026-11-30"), ("2026-11-30T09:00:00Z", "2026-11-30T09:00:00Z"),
            ("12:30", "12:30"), ("1_000", "1_000"), ("0b101", "0b101"), ("<<", "<<"), ("=", "="),
            ("true", True), ("TRUE", True), ("False", False), ("tRUE", "tRUE"),
            ("null", None), ("~", None), ("", None), ("NULL", None),
            ("10", 10), ("-3", -3), ("+3", 3), ("007", 7), ("0o17", 15), ("0x1F", 31),
            ("1.5", 1.5), (".5", 0.5), ("1e3", 1000.0), ("1.", 1.0),
            ('"10"', "10"), ("'true'", "true"), ('"on"', "on"),
        ],
    )  # fmt: skip
    def test_reads_scalars_by_the_core_schema(self, written, meant):
        value = read_structure(f"value: {written}")["value"]

        assert (value, type(value)) == (meant, type(meant))

    def test_reads_json_and_yaml_alike(self):
        structure = {"a": [1, "on", None, {"b": True}], "c": "2026-01-01"}

        assert read_structure(json.dumps(structure)) == structure
        assert read_structure(json.dumps(structure), media="json") == structure
        assert read_structure(json.dumps(structure), media="yaml") == structure

    def test_takes_yaml_that_begins_with_a_brace(self):
        assert read_structure("{a: 1, b: on}") == {"a": 1, "b": "on"}

    def test_passes_over_a_byte_order_mark(self):
        assert read_structure("\ufeffa: 1".encode()) == {"a": 1}

    def test_unfolds_aliases(self):
        assert read_structure("a: &x {b: 1}\nc: *x") == {"a": {"b": 1}, "c": {"b": 1}}

    @pytest.mark.parametrize(
        ("text", "fault"),
        [
            ("a: 1\na: 2", "a: This key stands here twice."),
            ("a:\n  - b: 1\n    b: 2", "a[0].b: This key stands here twice."),
            ('{"a": {"b": 1, "b": 2}}', "a.b: This key stands here twice."),
            ("1: a", "A key is text, not 1."),
            ("a: {true: 1}", "a: A key is text, not true."),
            ("a: !!str 1", "tags such as tag:yaml.org,2002:str are not allowed"),
            ("a: ! 1", "tags such as ! are not allowed"),
            ("a: !!python/object/apply:os.system [ls]", "tags such as"),
            ("a: !mine 1", "tags such as !mine are not allowed"),
            ("--- 1\n--- 2", "more than one document"),
            ("", "The file is empty."),
            ("# nothing", "The file is empty."),
            ("a: [1", "Line 2, column 1"),
            ("\ta: 1", "Line 1, column 1"),
            ("a: *b", "*b is not defined before its use"),
            ("a: &b [*b]", "*b is not defined before its use"),
            ('a: "\\0"', "a: Text cannot hold a NUL character."),
            ('{"a": "\\ud800"}', "a: Text cannot hold half of a character"),
            ("a: .nan", "a: This number is out of range."),
            ("a: -.inf", "a: This number is out of range."),
            ("a: 1e400", "a: This number is out of range."),
            ("a: " + "9" * 5000, "a: This number is out of range."),
            ("a: 0x" + "F" * 5000, "a: This number is out of range."),
            ("a: 1000000000000000000", "a: This number is out of range."),
            ("a: " + "[" * 100 + "]" * 100, "nested too deeply"),
            ("a: " + "[" * 100_000, "nested too deeply"),
            ("a: &a [1]\nb: [" + "*a, " * 101 + "]", "at most 100 aliases"),
        ],
    )
    def test_refuses(self, text, fault):
        assert fault in "\n".join(faults_of(text))

    def test_refuses_what_aliases_unfold_into_too_much(self):
        lines = ["a0: &a0 [" + ", ".join("1" * 9) + "]"]
        lines += [f"a{n}: &a{n} [" + ", ".join([f"*a{n - 1}"] * 9) + "]" for n in range(1, 9)]

        assert "values, aliases unfolded" in faults_of("\n".join(lines))[0]

    def test_tells_broken_json_as_json(self):
        assert faults_of('{"a": 1,}', media="json")[0].startswith("Line 1, column 9")
        assert "NaN" in faults_of('{"a": NaN}', media="json")[0]
        assert "nested" in faults_of('{"a":' + "[" * 100_000, media="json")[0]

    def test_refuses_other_encodings_and_more_than_a_megabyte(self):
        assert "not UTF-8" in faults_of("a: é".encode("latin-1"))[0]
        assert "not UTF-8" in faults_of("a: 1".encode("utf-16"))[0]
        assert "at most 1 MB" in faults_of("a: " + "x" * 1_000_000)[0]


TEXT = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40
) | st.sampled_from(
    ["on", "no", "null", "1.0", "1e3", "0o17", "0b1", "2026-01-01", "12:30", "~", "<<", "=", "---"]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**15), 10**15) | TEXT
    | st.floats(-1e15, 1e15, allow_nan=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=15,
)  # fmt: skip


@given(st.dictionaries(TEXT, VALUES, max_size=4))
def test_what_is_written_is_read_back_the_same(structure):
    text = write_yaml(structure)

    assert read_structure(text, media="yaml") == structure
    assert write_yaml(read_structure(text, media="yaml")) == text
