"""The page that publishes: what it tells before."""

from tests.conversations.pages.drawer import draw_winback


class TestPublication:
    def test_tells_of_emails_that_get_the_standard_footer(self, drawer):
        draw_winback(drawer)

        text = drawer.client.get(drawer.url("publication")).text

        assert "Worth knowing first" in text
        assert "it is sent with the standard footer" in text
        assert drawer.post("publication").status_code == 302

    def test_says_once_what_holds_of_several_steps(self, drawer):
        mail = draw_winback(drawer)[-1]
        again = drawer.add("message", mail)
        drawer.update(again, saved_message="We miss you", commit="latest")

        page = drawer.client.get(drawer.url("publication")).text

        assert page.count("it is sent with the standard footer") == 1
        assert drawer.url("step", "winback", again) in page

    def test_names_the_run_tester_and_what_looks_odd(self, drawer):
        draw_winback(drawer)
        assert drawer.url("tester") in drawer.client.get(drawer.url("publication")).text

        which = drawer.add("if", drawer.key("trigger"))
        drawer.update(which, branch_0="VIP", filter_0="{contact: email, contains: a}")
        page = drawer.client.get(drawer.url("publication")).text

        assert "All ways lead to the same step" in page
