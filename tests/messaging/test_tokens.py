"""Signed short paths: what was signed is read, and nothing else."""

import hmac
import string

import pytest

from messaging.tokens import SEAL_BYTES, Key, read, sign

LETTERS = string.ascii_letters + string.digits + "-_"


class TestToken:
    def test_says_what_was_signed(self):
        token = sign("click", 7, 123456, 0, 2**62, text="https://acme.example/ü?a=1")

        found = read("click", token)

        assert found is not None
        assert (found.account_id, found.numbers) == (7, (123456, 0, 2**62))
        assert found.text == "https://acme.example/ü?a=1"

    def test_is_sealed_by_hmac(self):
        assert (
            Key(b"k" * 32).seal(b"body") == hmac.digest(b"k" * 32, b"body", "sha256")[:SEAL_BYTES]
        )

    def test_is_short(self):
        assert len(sign("open", 12, 3_000_000)) <= 24

    def test_is_read_by_its_own_kind_only(self):
        assert read("unsubscribe", sign("open", 7, 8)) is None

    def test_is_refused_when_one_character_is_altered(self):
        token = sign("unsubscribe", 7, 123456)

        altered = [
            token[:place] + letter + token[place + 1 :]
            for place in range(len(token))
            for letter in LETTERS
            if letter != token[place]
        ]

        assert len(altered) == len(token) * 63
        assert not any(read("unsubscribe", one) for one in altered)

    @pytest.mark.parametrize("suffix", ["=", "A", "\n", " ", "%", "é"])
    def test_is_refused_with_anything_added(self, suffix):
        assert read("open", sign("open", 7, 8) + suffix) is None

    def test_is_refused_when_cut_off(self):
        token = sign("open", 7, 8)

        assert not any(read("open", token[:length]) for length in range(len(token)))

    def test_is_refused_when_numbers_are_moved_between_their_places(self):
        assert sign("open", 1, 23) != sign("open", 12, 3)

    @pytest.mark.parametrize("number", [-1, 2**63])
    def test_takes_no_number_out_of_bounds(self, number):
        with pytest.raises(ValueError, match="no number"):
            sign("open", 1, number)

    def test_takes_no_unknown_kind(self):
        with pytest.raises(ValueError, match="no tokens of kind"):
            sign("login", 1)
