"""Messages made ready: links, footer, pixel, and what is left alone."""

import re
from dataclasses import replace

import pytest

from messaging import tokens
from messaging.tracking.links import web_address
from messaging.tracking.plans import plan_of
from messaging.tracking.rules import Rules

ADDRESS = "1 Main Street\nSpringfield, IL 62701"
RULES = Rules(
    account_name="Acme Shoes",
    postal_address=ADDRESS,
    tracks_opens=False,
    tracks_clicks=True,
    has_removal_header=True,
    has_browser_link=False,
    analytics_domains=(),
    trusted_domains=("acme.example",),
    base="https://links.acme.example",
)
CLICK = re.compile(r"https://links\.acme\.example/t/c/([\w-]+)")


def plan(html, *, text="", transactional=True, **changes):
    """Return the plan of an HTML, of a transactional message unless told."""
    content = {"html": html, "text": text, "subject": "Hi"}
    rules = replace(RULES, **changes)
    return plan_of(content, name="We miss you", rules=rules, transactional=transactional)


def filled(html, *, values=(), **changes):
    """Return an HTML filled in; `values` stand for what the template's tags make."""
    ready = plan(html, **changes)
    source = ready.sources["html"][0]
    for tag, value in values:
        source = source.replace(tag, value)
    return ready.fill(source, account_id=7, message_id=3, delivery_id=9)


def targets(html):
    """Return what the short addresses of an HTML say."""
    return [tokens.read("click", token) for token in CLICK.findall(html)]


class TestLinks:
    def test_are_replaced_by_short_addresses_by_their_place(self):
        html = '<a href="https://acme.example/a">A</a> <a class="b" href=\'http://acme.example/b?x=1&amp;y=2\'>B</a>'

        sent = filled(html)

        assert "acme.example/a" not in sent
        assert [found.numbers for found in targets(sent)] == [(9, 3, 0), (9, 3, 1)]
        assert plan(html).links == ("https://acme.example/a", "http://acme.example/b?x=1&y=2")

    @pytest.mark.parametrize(
        "html",
        [
            '<a href="#top">Up</a>',
            '<a href="mailto:shop@acme.example">Write</a>',
            '<a href="tel:+12125550143">Call</a>',
            '<a href="javascript:alert(1)">Do</a>',
            '<a href="data:text/html,x">Do</a>',
            '<a href="/relative">Go</a>',
            '<a href="{{ unsubscribe_url }}">Leave</a>',
            '<a href="mailto:{{ contact.email }}">Write</a>',
            '<img src="https://acme.example/p.png">',
            '<link href="https://acme.example/s.css">',
            '<p title="<a href=https://acme.example>">{# <a href="https://x.example"> #}</p>'.replace(
                "<a href=https://acme.example>", "no link"
            ),
            "<a>no href</a>",
        ],
    )
    def test_that_lead_to_no_web_stay_as_they_are(self, html):
        assert filled(html) == html

    def test_are_found_behind_a_template_that_holds_quotes(self):
        html = (
            '<a title="{{ fields["A.B"] }}" href="https://acme.example/{{ fields["A.C"] }}">x</a>'
        )

        sent = filled(html, values=[('{{ fields["A.C"] }}', "red")])

        assert [found.text for found in targets(sent)] == ["https://acme.example/red"]

    def test_that_differ_by_recipient_carry_their_target(self):
        html = '<a href="{{ event.url }}">Cart</a>'

        sent = filled(html, values=[("{{ event.url }}", "https://shop.acme.example/c?a=1&amp;b=2")])

        (found,) = targets(sent)
        assert (found.numbers, found.text) == ((9, 3, 0), "https://shop.acme.example/c?a=1&b=2")

    @pytest.mark.parametrize(
        "value", ["mailto:a@b.example", "tel:+12125550143", "", "#x", "/cart", "cart?at=10:30"]
    )
    def test_that_turn_out_to_be_no_web_address_are_not_redirected(self, value):
        sent = filled('<a href="{{ event.url }}">x</a>', values=[("{{ event.url }}", value)])

        assert sent == f'<a href="{value}">x</a>'

    @pytest.mark.parametrize(
        "value",
        [
            *("javascript:alert(1)", "JavaScript:alert(1)", " \x01javascript:alert(1)"),
            *("java\tscript:alert(1)", "java&#10;script&colon;alert(1)", "java&Tab;script:x"),
            *("vbscript:x", "data:text/html,x", "file:///etc/passwd", "https:/evil.example"),
            "\u200bjavascript:alert(1)",
        ],
    )
    @pytest.mark.parametrize("is_tracked", [True, False])
    def test_that_would_run_what_came_with_the_data_lead_nowhere(self, value, is_tracked):
        sent = filled(
            '<a href="{{ event.url }}">x</a>',
            values=[("{{ event.url }}", value)],
            tracks_clicks=is_tracked,
        )

        assert sent == '<a href="#">x</a>'

    def test_to_a_host_that_came_with_the_data_go_there_without_us(self):
        sent = filled(
            '<a href="{{ event.url }}">x</a>', values=[("{{ event.url }}", "https://evil.example/")]
        )

        assert sent == '<a href="https://evil.example/">x</a>'

    def test_stay_where_the_list_tracks_no_clicks(self):
        html = '<a href="https://acme.example/?a=1&amp;b=2">x</a><a href="{{ event.url }}">y</a>'

        sent = filled(
            html, values=[("{{ event.url }}", "https://acme.example/y")], tracks_clicks=False
        )

        assert sent == (
            '<a href="https://acme.example/?a=1&amp;b=2">x</a><a href="https://acme.example/y">y</a>'
        )

    def test_of_a_preview_carry_their_target(self):
        ready = plan('<a href="https://acme.example/">x</a>')

        sent = ready.fill(ready.sources["html"][0], account_id=7, message_id=0, delivery_id=0)

        assert [found.text for found in targets(sent)] == ["https://acme.example/"]

    def test_get_analytics_parameters_where_their_host_is_listed(self):
        html = "".join(
            f'<a href="https://{host}/?utm_source=mine#top">x</a>'
            for host in ("acme.example", "shop.acme.example", "notacme.example")
        )

        links = plan(html, analytics_domains=("acme.example",)).links

        added = "utm_source=mine&utm_medium=email&utm_campaign=We+miss+you#top"
        assert links == (
            f"https://acme.example/?{added}",
            f"https://shop.acme.example/?{added}",
            "https://notacme.example/?utm_source=mine#top",
        )

    def test_tell_analytics_what_the_message_says(self):
        rules = replace(RULES, analytics_domains=("acme.example",))
        html = '<a href="https://acme.example/">x</a>'
        content = {"html": html, "utm_campaign": "Spring", "utm_content": "Top & tail"}

        links = plan_of(content, name="We miss you", rules=rules, transactional=True).links

        told = "utm_source=conductor&utm_medium=email&utm_campaign=Spring"
        assert links == (f"https://acme.example/?{told}&utm_content=Top+%26+tail",)

    def test_stay_and_no_pixel_is_added_where_the_message_is_not_tracked(self):
        rules = replace(RULES, tracks_opens=True)
        html = '<a href="https://acme.example/">x</a>'

        ready = plan_of(
            {"html": html, "is_untracked": True}, name="", rules=rules, transactional=True
        )

        sent = ready.fill(ready.sources["html"][0], account_id=7, message_id=3, delivery_id=9)
        assert sent == html


class TestWebAddress:
    @pytest.mark.parametrize(
        "written",
        [
            *("javascript:alert(1)", "java\tscript:alert(1)", "data:text/html,x", "//evil.example"),
            *("https://", "https:/evil.example", "http://[::1", "https://a.example:port/", ""),
            *("ftp://a.example/", "https://a.example\\@evil.example/", "https://" + "a" * 2100),
        ],
    )
    def test_is_nothing_for_what_is_none(self, written):
        assert web_address(written) == ""

    @pytest.mark.parametrize(
        ("written", "address"),
        [
            (" https://Acme.example/a b ", "https://Acme.example/a%20b"),
            ("https://a.example/\r\nSet-Cookie: x", "https://a.example/Set-Cookie:%20x"),
            ("https://bücher.example/ü?q=ü", "https://xn--bcher-kva.example/%C3%BC?q=%C3%BC"),
            ('https://a.example/"><script>', "https://a.example/%22%3E%3Cscript%3E"),
            ("https://a.example/%20?a=1&b=2#c", "https://a.example/%20?a=1&b=2#c"),
        ],
    )
    def test_may_stand_in_a_header(self, written, address):
        assert web_address(written) == address


class TestFooter:
    def test_gives_address_and_ways_out_where_the_message_has_none(self):
        ready = plan("<html><body><p>Hi</p></body></html>", text="Hi", transactional=False)

        html, text = ready.sources["html"][0], ready.sources["text"][0]
        assert "1 Main Street<br>Springfield, IL 62701" in html
        assert html.index("{{ unsubscribe_url }}") < html.index("</body>")
        assert "{{ account.postal_address }}" in text
        assert "{{ unsubscribe_url }}" in text
        assert ready.missing == ("address", "unsubscribe")
        assert set(ready.pages) == {"unsubscribe_url", "preferences_url"}

    @pytest.mark.parametrize(
        "html",
        [
            '<p>{{ account.postal_address }} <a href="{{ unsubscribe_url }}">Leave</a></p>',
            '<p>1 Main Street,<br>Springfield IL 62701 <a href="{{ preferences_url }}">x</a></p>',
        ],
    )
    def test_is_not_added_twice(self, html):
        ready = plan(html, transactional=False)

        assert ready.sources["html"][0] == html
        assert ready.missing == ()

    def test_is_not_added_to_a_transaction(self):
        assert plan("<p>Hi</p>").sources["html"][0] == "<p>Hi</p>"

    @pytest.mark.parametrize(
        "html",
        [
            "<p>Hi</p>{# {{ unsubscribe_url }} {{ account.postal_address }} #}",
            "<p>Hi</p>{# unsubscribe_url 1 Main Street, Springfield, IL 62701 #}",
            "<p>Hi</p><!-- {{ unsubscribe_url }} 1 Main Street, Springfield, IL 62701 -->",
            "<p>Hi</p><!-- {{ unsubscribe_url }} {{ account.postal_address }}",
            "<p>unsubscribe_url account.postal_address</p>",
            "<p>{% raw %}{{ unsubscribe_url }} {{ account.postal_address }}{% endraw %}</p>",
            "<p>{{ 'unsubscribe_url' }} {{ 'account.postal_address' }}</p>",
            "{% if event.x %}{{ unsubscribe_url }} 1 Main Street, Springfield, IL 62701{% endif %}",
            "{% for x in [] %}{{ unsubscribe_url }}{{ account.postal_address }}{% endfor %}",
            "<p>{{ unsubscribe_url if event.x }} {{ account.postal_address if event.x }}</p>",
            "{% set x %}{{ unsubscribe_url }} {{ account.postal_address }}{% endset %}<p>Hi</p>",
            "<head><!-- x --><title>{{ unsubscribe_url }}{{ account.postal_address }}</title></head>",
        ],
    )
    def test_heeds_what_everybody_sees_alone(self, html):
        ready = plan(html, transactional=False)

        assert ready.missing == ("address", "unsubscribe")
        added = ready.sources["html"][0].replace(html, "")
        assert "{{ unsubscribe_url }}" in added or "<!--" in html
        assert ready.sources["html"][0].count("1 Main Street<br>Springfield, IL 62701") == 1

    @pytest.mark.parametrize(
        "html",
        [
            "{% if event.x %}Hi{% else %}Ho{% endif %}%s",
            "{% raw %}{{ }}{% endraw %}{# x #}%s",
            "{% set x = 1 %}<!-- x -->%s",
            "<!--[if !mso]><!-->%s<!--<![endif]-->",
            "{% for x in event.y %}{% if x %}{{ x }}{% endif %}{% endfor %}%s",
        ],
    )
    def test_finds_what_stands_beside_what_some_do_not_see(self, html):
        said = '<a href="{{- unsubscribe_url | safe -}}">x</a> {{ account.postal_address|title }}'

        assert plan(html.replace("%s", said), transactional=False).missing == ()

    @pytest.mark.parametrize(
        "html",
        [
            "<body><p>Hi</p></body><!-- </body> -->",
            "<body><p>Hi</p></body>{# </body> #}",
            "<body><p>Hi</p></body>{% if event.x %}</body>{% endif %}",
            "<p>Hi</p><!-- </body>",
        ],
    )
    def test_stands_where_everybody_sees_it(self, html):
        made = plan(html, transactional=False).sources["html"][0]

        assert made.index("<p>Hi</p>") < made.index("{{ unsubscribe_url }}") < made.index("</body>")

    def test_says_an_address_with_braces_as_it_is(self):
        html = plan("<p>Hi</p>", transactional=False, postal_address="{{ 7*7 }} <b>").sources[
            "html"
        ][0]

        assert "&#123;&#123; 7*7 &#125;&#125; &lt;b&gt;" in html

    def test_leads_to_the_browser_where_the_list_says_so(self):
        html = plan("<body><p>Hi</p></body>", has_browser_link=True).sources["html"][0]

        assert html.index("{{ browser_url }}") < html.index("<p>Hi")


class TestPixel:
    def test_is_the_last_of_the_body(self):
        sent = filled("<html><body><p>Hi</p></body></html>", tracks_opens=True)

        (token,) = re.findall(r'src="https://links\.acme\.example/t/o/([\w-]+)\.gif"', sent)
        read = tokens.read("open", token)
        assert read is not None
        assert read.numbers == (9,)
        assert sent.endswith("</body></html>")

    def test_is_not_put_into_a_message_without_html(self):
        assert plan("", text="Hi", tracks_opens=True).sources["html"][0] == ""
