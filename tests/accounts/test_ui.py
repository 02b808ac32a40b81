"""Tags and filters of the templates."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
import time_machine
from django.template import Context, Template

from accounts.models import Account
from accounts.templatetags import ui


def render(text, **context):
    return Template(text).render(Context(context))


class TestIcon:
    def test_is_decoration_without_a_label(self):
        assert 'aria-hidden="true"' in render('{% icon "mail" %}')

    def test_has_a_name_for_screen_readers(self):
        drawn = render('{% icon "x" "icon-s" label %}', label='Close "it"')

        assert 'role="img"' in drawn
        assert "Close &quot;it&quot;" in drawn
        assert 'class="icon icon-s"' in drawn

    @pytest.mark.parametrize("name", ui.FAMILY_ICONS.values())
    def test_of_each_family_is_in_the_sprite(self, name, settings):
        sprite = (settings.BASE_DIR / "static" / "icons.svg").read_text(encoding="utf-8")

        assert f'id="{name}"' in sprite

    def test_of_each_state_is_in_the_sprite(self, settings):
        sprite = (settings.BASE_DIR / "static" / "icons.svg").read_text(encoding="utf-8")

        assert [icon for _, icon in ui.STATES.values() if f'id="{icon}"' not in sprite] == []

    def test_named_in_any_template_is_in_the_sprite(self, settings):

        sprite = (settings.BASE_DIR / "static" / "icons.svg").read_text(encoding="utf-8")
        used = {
            name
            for page in (settings.BASE_DIR / "templates").rglob("*.html")
            for name in re.findall(
                r'(?:\{% icon |icon_name=|button_icon=)"([a-z0-9-]+)"',
                page.read_text(encoding="utf-8"),
            )
        }

        assert len(used) > 20
        assert {name for name in used if f'id="{name}"' not in sprite} == set()


class TestStateBadge:
    def test_says_the_word_beside_the_colour(self):
        shown = render('{% state_badge "failed" %}')

        assert "badge-bad" in shown
        assert "Failed" in shown

    def test_takes_other_words_and_unknown_states(self):
        assert "Paused since Monday" in render('{% state_badge "Paused" "paused since Monday" %}')
        assert "Strange" in render('{% state_badge "strange" %}')

    def test_escapes(self):
        assert "<b>" not in render('{% badge "good" "check" words %}', words="<b>")


class TestLocalTime:
    NOON = datetime(2026, 11, 18, 12, 0, tzinfo=UTC)

    def test_is_the_accounts_with_utc_on_hover(self):
        account = Account(time_zone="America/New_York")

        shown = render("{% local_time at %}", at=self.NOON, account=account)

        assert "Nov 18, 2026, 7:00 AM" in shown
        assert 'title="2026-11-18 12:00:00 UTC"' in shown

    def test_without_an_account_is_utc(self):
        assert "12:00 PM" in render('{% local_time at "time" %}', at=self.NOON)

    @pytest.mark.parametrize(("year", "words"), [(2026, ">Nov 18, 12:00 PM<"), (2025, "18, 2025,")])
    def test_in_short_names_the_year_where_it_is_another(self, year, words):
        at = self.NOON.replace(year=year)

        with time_machine.travel(self.NOON, tick=False):
            assert words in render('{% local_time at "short" %}', at=at)

    def test_of_nothing_is_nothing(self):
        assert render("{% local_time at %}", at=None) == ""


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("P3D", "3 days"),
        ("PT1H30M", "1 hour 30 minutes"),
        ("P1Y2M", "1 year 2 months"),
        ("P2W", "2 weeks"),
        (timedelta(days=1, seconds=61), "1 day 1 minute 1 second"),
        ("soon", "soon"),
        ("", ""),
    ],
)
def test_durations_are_words(value, words):
    assert ui.duration_words(value) == words


@pytest.mark.parametrize(
    ("filtered", "words"),
    [
        ("{{ 12345|number }}", "12,345"),
        ("{{ none|number }}", ""),
        ("{{ 987|compact }}", "987"),
        ("{{ 12345|compact }}", "12.3k"),
        ("{{ 10000|compact }}", "10k"),
        ("{{ 4500000|compact }}", "4.5M"),
        ("{{ none|compact }}", ""),
        ("{{ amount|money }}", "1,234.50"),
        ("{{ none|money }}", ""),
        ("{% percent 31 100 %}", "31%"),
        ("{% percent 1 1000 %}", "&lt;1%"),
        ("{% percent 1 0 %}", "–"),  # noqa: RUF001
        ("{{ 812|bytes_words }}", "812 B"),
        ("{{ 4200|bytes_words }}", "4.1 KB"),
        ("{{ 3000000000|bytes_words }}", "2.8 GB"),
        ("{{ 'Acme Shoes'|initials }}", "AS"),
        ("{{ 'ada@acme.example'|initials }}", "A"),
        ("{{ 'success undo:/back/'|undo_url }}", "/back/"),
        ("{{ none|undo_url }}", ""),
        ("{{ mapping|get:'a' }}", "1"),
        ("{{ mapping|get:'b' }}", "None"),
        ("{{ '2026-11-22'|iso_date }}", "Nov 22, 2026"),
        ("{{ 'soon'|iso_date }}", "soon"),
    ],
)
def test_filters(filtered, words):
    shown = render(filtered, none=None, amount=Decimal("1234.5"), mapping={"a": 1})

    assert shown == words
