"""Links of texts, made short and read back."""

from typing import Any

import pytest

from messaging import tokens
from messaging.tracking.texts import links_of, with_short_links

SHORT: dict[str, Any] = {
    "base": "https://go.example",
    "account_id": 3,
    "delivery_id": 70,
    "message_id": 9,
}


class TestLinksOf:
    @pytest.mark.parametrize(
        ("text", "links"),
        [
            ("Sale: https://acme.example/sale?a=1&b=2.", ("https://acme.example/sale?a=1&b=2",)),
            ("http://a.example http://b.example http://a.example!", ("http://a.example", "http://b.example")),
            # What a template makes of each contact is nobody's link but theirs.
            ("https://acme.example/{{ contact.first_name }}", ()),
            ("{{ 'https://acme.example' }} javascript:alert(1)", ()),
            ("", ()),
        ],
    )  # fmt: skip
    def test_finds_what_stands_in_the_text(self, text: str, links: tuple[str, ...]) -> None:
        assert links_of({"text": text}) == links


class TestWithShortLinks:
    def test_signs_the_place_and_keeps_the_sentence(self) -> None:
        content = {"text": "Hi {{ name }}: https://acme.example/a, https://acme.example/b."}

        text = with_short_links(
            "Hi Grace: https://acme.example/a, https://acme.example/b.", content, **SHORT
        )

        first, second = (word.rstrip(",.") for word in text.split()[2:])
        read = tokens.read("click", second.rpartition("/")[2])
        assert text.startswith("Hi Grace: https://go.example/t/c/")
        assert text.endswith(".")
        assert first != second
        assert read is not None
        assert (read.account_id, read.numbers) == (3, (70, 9, 1))

    def test_leaves_other_addresses_alone(self) -> None:
        content = {"text": "{{ event.url }} https://acme.example/a"}

        text = with_short_links("https://evil.example/x https://acme.example/a", content, **SHORT)

        assert text.startswith("https://evil.example/x https://go.example/t/c/")
