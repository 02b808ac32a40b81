"""Profile fields."""

from tests.api.contacts.answers import invalid


class TestProfileFields:
    def test_make_a_group_and_a_field(self, wire, base):
        group = wire.post(f"{base}/SegmentationFieldGroup", {"segmentationFieldGroupName": "Shoes"})
        url = f"{base}/SegmentationFieldGroup/{group['resourceId']}"
        field = wire.post(
            f"{url}/SegmentationField",
            {"segmentationFieldName": "Size", "dataType": "Numeric", "maxLength": 0, "position": 3},
        )

        shown_group = {
            "segmentationFieldGroupId": int(group["resourceId"]),
            "segmentationFieldGroupName": "Shoes",
            "position": 1,
        }
        shown_field = {
            "segmentationFieldId": int(field["resourceId"]),
            "segmentationFieldName": "Size",
            "segmentationFieldGroupId": int(group["resourceId"]),
            "dataType": "Numeric",
            "maxLength": 0,
            "position": 3,
        }
        assert wire.get(f"{base}/SegmentationFieldGroup") == [shown_group]
        assert wire.get(url) == shown_group
        assert wire.get(f"{url}/SegmentationField") == [shown_field]
        assert wire.get(f"{url}/SegmentationField/{field['resourceId']}") == shown_field

    def test_name_what_is_wrong(self, wire, base):
        group = wire.post(f"{base}/SegmentationFieldGroup", {"segmentationFieldGroupName": "Shoes"})
        url = f"{base}/SegmentationFieldGroup"

        again = {"segmentationFieldGroupName": "shoes"}
        assert wire.refused("POST", url, again) == invalid("segmentationFieldGroupName")
        bad = {"segmentationFieldName": "Size", "dataType": "Fraction"}
        fields = f"{url}/{group['resourceId']}/SegmentationField"
        assert wire.refused("POST", fields, bad) == invalid("dataType")
        assert wire.refused("GET", f"{fields}/9999999")[2] == (
            "Unable to locate a resource associated with the listId, "
            "segmentationFieldGroupId, and segmentationFieldId supplied."
        )
