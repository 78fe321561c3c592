import hashlib
import hmac
import json
import re

import pytest

from deploy.bench import load, senders


def test_a_delivery_is_signed_has_its_size_and_differs_only_by_its_id() -> None:
    before, after = senders.requests(1, 10_000, b"s")[0]
    body = after.removeprefix(b"\r\n\r\n")
    claimed = re.search(rb"X-Hub-Signature-256: sha256=(\w+)", before)
    assert claimed
    assert claimed[1].decode() == hmac.new(b"s", body, hashlib.sha256).hexdigest()
    assert 10_000 <= len(body) <= 10_500
    assert json.loads(body)["repository"]["name"] == "shop-0"


def test_a_receiver_under_load_answers_every_delivery_and_the_table_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert load.main(["--seconds", "0.5", "--rate", "100", "--connections", "4"]) in (0, 1)  # 1: the rate is no aim's
    told = capsys.readouterr().out
    assert re.search(r"otherwise or not at all +0\n", told)
    assert re.search(r"time to 202, p99 +\d+\.\d ms", told)
