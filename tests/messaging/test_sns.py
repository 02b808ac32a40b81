"""Whether Amazon's SNS has signed a message."""

from datetime import UTC, datetime, timedelta

import pytest
from django.core.exceptions import SuspiciousOperation

from messaging.transports import sns
from tests.messaging.counterparts import amazon

NOW = datetime.now(UTC)
MESSAGE = {
    "Type": "Notification",
    "MessageId": "19ba9823-d7f2-53c1-860e-cb10e0d13dfc",
    "TopicArn": "arn:aws:sns:eu-west-1:123456789012:mail-events",
    "Subject": "Amazon SES Email Event Notification",
    "Message": '{"eventType": "Bounce"}',
    "Timestamp": NOW.isoformat(),
}


@pytest.fixture(autouse=True)
def known():
    amazon.publish_certificate(now=NOW)


def check(told, *, region="eu-west-1", now=NOW):
    sns.check_signature(told, region=region, now=now)


class TestSignature:
    @pytest.mark.parametrize("version", ["1", "2"])
    @pytest.mark.parametrize("subject", ["Subject", None])
    def test_of_amazon_counts(self, version, subject):
        message = {**MESSAGE, "Subject": subject}

        check(amazon.signed(message, version=version))

    def test_is_written_over_the_documented_lines(self):
        text = sns.signed_text(
            {"Message": "m", "MessageId": "i", "Timestamp": "t", "TopicArn": "a", "Type": "y"},
            sns.SIGNED["Notification"],
        )

        assert text == b"Message\nm\nMessageId\ni\nTimestamp\nt\nTopicArn\na\nType\ny\n"

    @pytest.mark.parametrize(
        "change",
        [
            {"Message": '{"eventType": "Complaint"}'},
            {"TopicArn": "arn:aws:sns:eu-west-1:999999999999:mail-events"},
            {"Timestamp": (NOW - timedelta(hours=1)).isoformat()},
            {"Signature": ""},
            {"Signature": "no base64!"},
            {"SignatureVersion": "3"},
            {"Type": "Other"},
        ],
    )
    def test_of_something_else_is_refused(self, change):
        with pytest.raises(SuspiciousOperation):
            check({**amazon.signed(MESSAGE), **change})

    def test_of_long_ago_is_refused(self):
        told = amazon.signed(MESSAGE)

        with pytest.raises(SuspiciousOperation, match="old"):
            check(told, now=NOW + sns.OLDEST + timedelta(seconds=1))

    @pytest.mark.parametrize(
        "url",
        [
            "http://sns.eu-west-1.amazonaws.com/x.pem",
            "https://sns.eu-west-1.amazonaws.com.evil.example/x.pem",
            "https://evil.example/sns.eu-west-1.amazonaws.com/x.pem",
            "https://sns.eu-west-1.amazonaws.com@evil.example/x.pem",
            "https://bucket.s3.eu-west-1.amazonaws.com/x.pem",
            "https://sns.eu-west-1.amazonaws.com/../x.pem?y",
            "https://sns.us-east-1.amazonaws.com/x.pem",
            "",
        ],
    )
    def test_with_a_certificate_of_elsewhere_is_refused_and_not_fetched(self, url):
        with pytest.raises(SuspiciousOperation, match="none of Amazon's in that region"):
            check({**amazon.signed(MESSAGE), "SigningCertURL": url})

    def test_with_a_certificate_that_ran_out_is_refused(self):
        amazon.publish_certificate(amazon.certificate(until=timedelta(days=-1)), now=NOW)

        with pytest.raises(SuspiciousOperation, match="out of date"):
            check(amazon.signed(MESSAGE))
