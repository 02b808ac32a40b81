"""The content library's blocks: all at once as ever, in pages where there are many."""


class TestContent:
    def test_is_shown_in_pages_where_there_is_more_than_asked_for(self, wire):
        url = "/email/v1/Content"
        for name in ("Head", "Body", "Foot"):
            wire.post(url, {"contentName": name, "htmlContent": f"<p>{name}</p>"})

        whole = wire.page(url)
        first = wire.page(url, count=2)
        rest = wire.page(url, cursor=first["nextPageCursor"])

        assert list(whole) == ["status", "data"]
        assert [row["contentName"] for row in whole["data"]] == ["Head", "Body", "Foot"]
        assert first["data"] + rest["data"] == whole["data"]
        assert (len(first["data"]), rest["nextPageCursor"]) == (2, None)
