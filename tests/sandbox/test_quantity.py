"""Quantities have one form."""

import pytest

from deploy.sandbox.errors import ApiError
from deploy.sandbox.quantity import canonical


@pytest.mark.parametrize(
    ("written", "form"),
    [
        ("1000m", "1"),
        ("0.5", "500m"),
        (".5", "500m"),
        ("1.5Gi", "1536Mi"),
        ("1024Mi", "1Gi"),
        ("0.5Ki", "512"),
        ("100", "100"),
        ("1000", "1k"),
        ("1500m", "1500m"),
        ("0.1m", "100u"),
        ("1e3", "1e3"),
        ("2e-3", "2e-3"),
        ("0Gi", "0"),
        ("-5", "-5"),
        ("+1Mi", "1Mi"),
        ("1E", "1E"),
        (2, "2"),
        (0.25, "250m"),
    ],
)
def test_a_quantity_has_one_form(written: object, form: str) -> None:
    assert canonical(written, "cpu") == form


@pytest.mark.parametrize("written", ["", "one", "1 Gi", "1gi", "--1", True, []])
def test_anything_else_is_400(written: object) -> None:
    with pytest.raises(ApiError, match="quantit"):
        canonical(written, "spec.cpu")
