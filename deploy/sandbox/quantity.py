"""Resource quantities in their one canonical form: `1000m` is `1`, `0.5Gi` is `512Mi`. Pure.

https://github.com/kubernetes/apimachinery/blob/master/pkg/api/resource/quantity.go
"""

import re
from fractions import Fraction
from functools import lru_cache
from typing import Any

from deploy.sandbox.errors import bad_request

_FORM = re.compile(r"([+-]?)(\d+\.?\d*|\.\d+)(Ki|Mi|Gi|Ti|Pi|Ei|n|u|m|k|M|G|T|P|E|[eE][+-]?\d+)?")
_BINARY = {suffix: 1024**power for power, suffix in enumerate(("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"))}
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}


def canonical(value: Any, path: str) -> Any:
    """The canonical text of a quantity at `path`. Raises ApiError (400) when it is none."""
    if value is None:
        return "0"
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise bad_request(f"{path}: a quantity must be a number or a string, got {value!r}")
    text = _canonical(str(value))
    if text is None:
        raise bad_request(
            f"{path}: quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
        )
    return text


def amount(text: str) -> Fraction:
    """The value of a quantity. Raises ValueError when it is none."""
    match = _FORM.fullmatch(text)
    if match is None:
        raise ValueError(text)
    sign, digits, suffix = match[1], Fraction(match[2]), match[3] or ""
    return (-digits if sign == "-" else digits) * _scale(suffix)


def _scale(suffix: str) -> Fraction:
    if suffix in _BINARY:
        return Fraction(_BINARY[suffix])
    power = _DECIMAL[suffix] if suffix in _DECIMAL else int(suffix[1:])
    return Fraction(10) ** power


@lru_cache(maxsize=4096)
def _canonical(text: str) -> str | None:
    try:
        number = amount(text)
    except ValueError:
        return None
    suffix = (_FORM.fullmatch(text) or [""] * 4)[3] or ""
    if number == 0:
        return "0"
    if suffix.endswith("i") and number.denominator == 1:
        return _largest(number, [(name, Fraction(size)) for name, size in _BINARY.items()])
    if suffix[:1] in ("e", "E") and suffix != "E":
        return _exponent(number)
    return _largest(_rounded_up(number), [(name, Fraction(10) ** power) for name, power in _DECIMAL.items()])


def _rounded_up(number: Fraction) -> Fraction:
    """No finer than a billionth, away from zero."""
    nano = number * 10**9
    whole = -(-nano.numerator // nano.denominator) if nano > 0 else nano.numerator // nano.denominator
    return Fraction(whole, 10**9)


def _largest(number: Fraction, scales: list[tuple[str, Fraction]]) -> str:
    fitting = [(name, number / size) for name, size in scales if (number / size).denominator == 1]
    name, mantissa = fitting[-1]
    return f"{mantissa.numerator}{name}"


def _exponent(number: Fraction) -> str:
    for power in range(18, -10, -3):
        if (mantissa := number / Fraction(10) ** power).denominator == 1:
            return f"{mantissa.numerator}e{power}" if power else f"{mantissa.numerator}"
    return str(number)
