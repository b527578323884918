"""Fields of a form that come off."""

import pytest

from proxy.rules.form_fields import is_form, without_fields

FORMS = {
    "none of that name": (b"a=1&b=%2F+&&c", b"a=1&b=%2F+&&c"),
    "one": (b"token=x&a=1", b"a=1"),
    "every copy, however encoded": (b"a=1&token=x&b=2&%74oken=y&token", b"a=1&b=2"),
    "a longer name is another": (b"tokens=x", b"tokens=x"),
    "nothing else": (b"token=x", b""),
}


@pytest.mark.parametrize(("form", "expected"), FORMS.values(), ids=FORMS)
def test_form(form, expected):
    assert without_fields(form, {b"token"}) == expected


@pytest.mark.parametrize(
    ("kind", "expected"),
    [(b"application/x-www-form-urlencoded; charset=utf-8", True), (b"application/json", False), (b"", False)],
)
def test_what_is_a_form(kind, expected):
    assert is_form(((b"content-type", kind),)) is expected
