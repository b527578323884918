"""Secrets that do not print, templates, and what is put in the place of what the application sent."""

import copy
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import Refusal
from proxy.rules.auth_settings import ApiKeyAuth, BasicAuth, BearerAuth
from proxy.rules.credentials import (
    Credential,
    InjectSettings,
    PathParam,
    PathPattern,
    Secret,
    Template,
    with_query,
)

VALUES = {"key": b"k1", "user": b"me", "password": b"p:w", "braces": b"{key}", "odd": b"a&b=c d"}


def read(name):
    return Secret(name, VALUES[name])


@pytest.mark.parametrize("show", [repr, str, "{}".format, "{:>9}".format, lambda it: f"{it!r:s}", ascii])
def test_a_secret_shows_its_name_and_never_its_value(show):
    assert show(Secret("key", b"k1-value")).strip() == "<secret key>"


@pytest.mark.parametrize("write", [pickle.dumps, copy.copy, copy.deepcopy])
def test_a_secret_is_not_written_anywhere(write):
    with pytest.raises(TypeError, match="<secret key>"):
        write(Secret("key", b"k1"))


TEMPLATES = {
    "a name is filled": ("Bearer {key}", b"Bearer k1"),
    "two names": ("{user}/{key}", b"me/k1"),
    "no name": ("plain", b"plain"),
    "doubled braces are braces": ("{{key}} {key}", b"{key} k1"),
    "a value is not read again": ("{braces}", b"{key}"),
}


@pytest.mark.parametrize(("text", "filled"), TEMPLATES.values(), ids=TEMPLATES)
def test_template(text, filled):
    assert Template(text).fill(read) == filled


AUTHS = {
    "bearer": (BearerAuth(type="bearer", secret="key"), ((b"Authorization", b"Bearer k1"),)),
    "basic with a name that everybody has": (
        BasicAuth(type="basic", user="api", password="password"),
        ((b"Authorization", b"Basic YXBpOnA6dw=="),),
    ),
    "basic": (BasicAuth(type="basic", username="user", password="password"), ((b"Authorization", b"Basic bWU6cDp3"),)),
}


@pytest.mark.parametrize(("auth", "headers"), AUTHS.values(), ids=AUTHS)
def test_auth(auth, headers):
    credential = Credential(InjectSettings(), auth)
    assert credential.render(read).headers == headers
    assert {b"authorization", b"x-api-key", b"api-key", b"x-auth-token"} <= credential.replaced


def test_without_a_credential_nothing_of_the_application_is_replaced():
    assert Credential(InjectSettings(), None).replaced == frozenset()


def test_an_api_key_offers_every_header_that_it_may_stand_in():
    auth = ApiKeyAuth(type="api_key", secret="key", headers={"Authorization": "Bearer {key}", "X-Api_Key": "{key}"})
    credential = Credential(InjectSettings(), auth)
    assert credential.choices == (b"authorization", b"x-api-key")
    assert credential.render(read).choices == ((b"Authorization", b"Bearer k1"), (b"X-Api_Key", b"k1"))


QUERIES = {  # target, pairs to add; result
    "a query is made where there is none": (b"/a", [(b"k", b"v")], b"/a?k=v"),
    "the others stay byte for byte and in order": (b"/a?z=%2F&&b=+;c", [(b"k", b"v")], b"/a?z=%2F&&b=+;c&k=v"),
    "every copy of the name is replaced": (b"/a?k=1&b=2&k=3&k", [(b"k", b"v")], b"/a?b=2&k=v"),
    "an encoded name is the name": (b"/a?%6B=1&b", [(b"k", b"v")], b"/a?b&k=v"),
    "a longer name is another": (b"/a?kk=1", [(b"k", b"v")], b"/a?kk=1&k=v"),
    "what is added is encoded": (b"/a", [(b"k", b"a&b=c d/\xfc~")], b"/a?k=a%26b%3Dc%20d%2F%FC~"),
    "a lone question mark gives no empty pair": (b"/a?", [(b"k", b"v")], b"/a?k=v"),
    "a name with a space": (b"/a?a+b=1&a%20b=2", [(b"a b", b"v")], b"/a?a%20b=v"),
}


@pytest.mark.parametrize(("target", "pairs", "result"), QUERIES.values(), ids=QUERIES)
def test_query(target, pairs, result):
    assert with_query(target, frozenset(name for name, _ in pairs), pairs) == result


@given(st.lists(st.sampled_from([b"k=1", b"%6b=2", b"k", b"K=3", b"b=4", b"", b"=", b"k%3d=5"])))
def test_the_application_cannot_keep_a_pair_of_the_injected_name(pairs):
    query = with_query(b"/?" + b"&".join(pairs), frozenset([b"k"]), [(b"k", b"v")]).partition(b"?")[2]
    named = [pair for pair in query.split(b"&") if pair.partition(b"=")[0] in (b"k", b"%6b")]
    assert named == [b"k=v"]


PLACES = {
    "the placeholder becomes the value": (b"/A/AC0/Messages.json", b"/A/me/Messages.json"),
    "at the end": (b"/A/AC0", b"/A/me"),
    "before an ending": (b"/A/AC0.json", b"/A/me.json"),
    "before a query": (b"/A/AC0?x", b"/A/me?x"),
    "a longer segment is another": (b"/A/AC00/x", b"/A/AC00/x"),
    "another account stays": (b"/A/AC1/x", b"/A/AC1/x"),
    "another path stays": (b"/B/AC0/x", b"/B/AC0/x"),
}


@pytest.mark.parametrize(("target", "result"), PLACES.values(), ids=PLACES)
def test_place(target, result):
    pattern = PathPattern(PathParam(pattern="/A/{account}/**", placeholder="AC0", value="{user}"))
    assert pattern.fill(target, b"me") == result


def test_a_value_of_several_lines_never_goes_into_a_header():
    credential = Credential(InjectSettings(headers={"X-Key": "{key}"}), None)
    with pytest.raises(Refusal, match="secret_unavailable"):
        credential.render(lambda name: Secret(name, b"-----BEGIN\nX: y"))
