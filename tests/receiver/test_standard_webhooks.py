import base64

import pytest

from receiver.errors import Forged
from receiver.push import Delivery
from receiver.standard_webhooks import TOLERANCE_S, signed
from tests.receiver.recorded import standard_signature

# The example of the specification's own libraries.
KEY = b"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ID, NOW, BODY = "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}'
GOOD = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def delivery(**changed: str) -> Delivery:
    headers = {"webhook-id": ID, "webhook-timestamp": str(NOW), "webhook-signature": GOOD}
    headers |= {f"webhook-{name}": value for name, value in changed.items()}
    return Delivery({name: value for name, value in headers.items() if value}, BODY, NOW)


def test_the_example_of_the_specification_fits() -> None:
    assert signed(delivery(), KEY)


def test_a_secret_without_its_prefix_is_taken_as_it_is() -> None:
    claim = standard_signature(ID, str(NOW), BODY, b"s3cret")
    assert signed(delivery(signature=claim), b"s3cret")
    assert not signed(delivery(), KEY.removeprefix(b"whsec_"))


def test_one_of_several_signatures_is_enough() -> None:
    assert signed(delivery(signature=f"v1,AAAA v1a,{GOOD[3:]} {GOOD}"), KEY)
    assert not signed(delivery(signature=f"v1,AAAA v1a,{GOOD[3:]} v2,{GOOD[3:]}"), KEY)


@pytest.mark.parametrize(
    "changes",
    [{"id": "msg_other"}, {"id": ""}, {"timestamp": str(NOW + 1)}, {"signature": ""}, {"signature": GOOD[3:]},
     {"signature": "v1,"}, {"signature": "v1,\udcff"}, {"signature": "v1,ä"}, {"id": "\udcff"}],
)  # fmt: skip
def test_whatever_else_is_sent_does_not_fit(changes: dict[str, str]) -> None:
    assert not signed(delivery(**changes), KEY)


def test_another_body_or_secret_does_not_fit() -> None:
    assert not signed(Delivery(delivery().headers, BODY + b" ", NOW), KEY)
    assert not signed(delivery(), b"whsec_" + base64.b64encode(b"other"))


@pytest.mark.parametrize("secret", [b"", b"whsec_", b"whsec_%%%"])
def test_an_empty_or_broken_secret_signs_nothing(secret: bytes) -> None:
    assert not signed(delivery(signature=standard_signature(ID, str(NOW), BODY, b"")), secret)


@pytest.mark.parametrize(
    "timestamp", [str(NOW - TOLERANCE_S - 1), str(NOW + TOLERANCE_S + 1), "0", "-5", "", "1e9", "9" * 13, "१"]
)
def test_a_time_far_from_ours_is_refused_and_said_so_although_the_signature_fits(timestamp: str) -> None:
    with pytest.raises(Forged, match="webhook-timestamp"):
        signed(delivery(timestamp=timestamp, signature=standard_signature(ID, timestamp, BODY, KEY)), KEY)


@pytest.mark.parametrize("timestamp", [str(NOW - TOLERANCE_S), str(NOW + TOLERANCE_S)])
def test_five_minutes_of_difference_are_allowed(timestamp: str) -> None:
    assert signed(delivery(timestamp=timestamp, signature=standard_signature(ID, timestamp, BODY, KEY)), KEY)


def test_where_our_own_time_is_not_known_nothing_fits() -> None:
    with pytest.raises(Forged):
        signed(Delivery(delivery().headers, BODY), KEY)
