"""The page that publishes: what it tells before."""

from tests.conversations.pages.drawer import draw_winback


class TestPublication:
    def test_tells_of_emails_that_get_the_standard_footer(self, drawer):
        draw_winback(drawer)

        text = drawer.client.get(drawer.url("publication")).text

        assert "Worth knowing of its messages" in text
        assert "it is sent with the standard footer" in text
        assert drawer.post("publication").status_code == 302
