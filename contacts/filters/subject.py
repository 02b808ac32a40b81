"""Values in SQL as rules read them: never a failing cast, NULL where there is nothing."""

from dataclasses import dataclass

SPACES = r" \t\n\r\f\v"

# What a cast takes without failing: a finite float8, a day of the calendar. PostgreSQL
# compiles an automaton per call, so that the short patterns decide nearly always.
NUMBER = r"^[ \t\n\r\f\v]*[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]{1,2})?[ \t\n\r\f\v]*$"
LONGEST_NUMBER = 100
DIGITS = "'0123456789', '9999999999'"
LATE_DAY = (
    "^([0-9]+-((0[13578]|1[02])-(29|3[01])|(0[469]|11)-(29|30))"
    "|([0-9]{2}(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)-02-29)$"
)


@dataclass(frozen=True)
class Subject:
    """
    An SQL expression of a value, as text and, of profiles, as the jsonb it came from.

    A `clean` one was trimmed when it was written, as every profile's is: trimming a
    million values again would cost a fifth of the time of a count.
    """

    text: str
    json: str = ""
    clean: bool = False

    @property
    def normal(self) -> str:
        """The value as texts are compared: trimmed, in lower case."""
        return f"lower({self.text})" if self.clean else normal(self.text)

    @property
    def is_date(self) -> str:
        """Whether the text is a day of the calendar; NULL of NULL."""
        text = self.text
        return (
            f"(translate({text}, {DIGITS}) = '9999-99-99' AND {text} > '0001' "
            f"AND (substr({text}, 6, 2) BETWEEN '01' AND '12' "
            f"AND substr({text}, 9, 2) BETWEEN '01' AND '28' OR {text} ~ '{LATE_DAY}'))"
        )

    @property
    def date(self) -> str:
        """The value's date; NULL where it is none."""
        return f"CASE WHEN {self.is_date} THEN ({self.text})::date END"

    @property
    def number(self) -> str:
        """The value's number; NULL where it is none."""
        return (
            f"CASE WHEN octet_length({self.text}) < {LONGEST_NUMBER} "
            f"AND {self.text} ~ '{NUMBER}' THEN ({self.text})::float8 END"
        )


def normal(text: str) -> str:
    """Return a text expression as texts are compared: trimmed, in lower case."""
    return f"lower(btrim({text}, E'{SPACES}'))"
