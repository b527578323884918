"""What is within a scope, however it is spelled, and what is refused because it could be read in two ways."""

import contextlib
from posixpath import normpath
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import Refusal
from proxy.rules.scope import Scope, ScopeSettings, fence, first_match, matchable


def admits(allow, deny, method, target, notes=None):
    try:
        Scope(ScopeSettings(allow=allow, deny=deny)).check(method, target, notes or {})
    except Refusal as refusal:
        return refusal.code != "out_of_scope" and refusal.code
    return True


V1 = ("GET /v1/**",)
ADMIN = ("* /admin/**",)
ROWS = {  # allow, deny, method, target, admitted
    "without lists all is admitted": (None, (), "GET", b"/x", True),
    "an allowed path": (V1, (), "GET", b"/v1/a", True),
    "the rest of a final ** may be empty": (V1, (), "GET", b"/v1", True),
    "and may be a slash": (V1, (), "GET", b"/v1/", True),
    "a longer first segment is another path": (V1, (), "GET", b"/v11", False),
    "another method": (V1, (), "POST", b"/v1/a", False),
    "HEAD where GET is allowed": (V1, (), "HEAD", b"/v1/a", True),
    "GET where only HEAD is allowed": (("HEAD /a",), (), "GET", b"/a", False),
    "an empty allow list admits nothing": ((), (), "GET", b"/", False),
    "deny wins over allow": (("* /**",), ADMIN, "GET", b"/admin/x", False),
    "beside what is denied": (None, ADMIN, "GET", b"/administrator", True),
    "one star is one segment": (("GET /a/*/c",), (), "GET", b"/a/b/c", True),
    "and never two": (("GET /a/*/c",), (), "GET", b"/a/b/b/c", False),
    "and never none": (("GET /a/*",), (), "GET", b"/a", False),
    "a star within a segment": (("POST /*.list",), (), "POST", b"/conversations.list", True),
    "a star within a segment stays there": (("POST /*.list",), (), "POST", b"/a/b.list", False),
    "a final ** behind a word": (("POST /chat.**",), (), "POST", b"/chat.postMessage", True),
    "the query does not count": (("GET /a",), (), "GET", b"/a?/b/../c", True),
    "an encoded letter is the letter": (None, ADMIN, "GET", b"/%61dmin/x", False),
    "an encoded slash is a slash": (None, ADMIN, "GET", b"/admin%2Fx", False),
    "a backslash is a slash": (None, ADMIN, "GET", b"/admin\\x", False),
    "an encoded backslash too": (None, ADMIN, "GET", b"/admin%5Cx", False),
    "parameters do not count": (None, ADMIN, "GET", b"/admin;a=b/x", False),
    "doubled slashes are one": (None, ADMIN, "GET", b"//admin//x", False),
    "a final slash does not count": (None, ("GET /a",), "GET", b"/a/", False),
    "a dot segment": (("* /**",), (), "GET", b"/a/./b", False),
    "a double-dot segment": (("* /**",), (), "GET", b"/a/../b", False),
    "an encoded one": (("* /**",), (), "GET", b"/a/%2e%2E/b", False),
    "one with parameters": (("* /**",), (), "GET", b"/a/..;x/b", False),
    "one behind a backslash": (("* /**",), (), "GET", b"/a\\..\\b", False),
    "one at the end": (("* /**",), (), "GET", b"/a/..", False),
    "dots in a name are a name": (("* /**",), (), "GET", b"/a..b/...", True),
    "a null byte": (("* /**",), (), "GET", b"/a%00", False),
    "an encoded line feed": (("* /**",), (), "GET", b"/a%0a", False),
    "what is not UTF-8": (("* /**",), (), "GET", b"/a%ff", False),
    "what is encoded twice": (("* /**",), (), "GET", b"/a%252e", False),
    "what one server alone decodes": (("* /**",), (), "GET", b"/a%u002e", False),
    "an encoded percent sign alone": (("* /**",), (), "GET", b"/100%25", True),
    "UTF-8 beyond ASCII": (("* /gr\u00fc\u00dfe",), (), "GET", b"/gr%C3%BC%C3%9fe", True),
}


@pytest.mark.parametrize(("allow", "deny", "method", "target", "admitted"), ROWS.values(), ids=ROWS)
def test_row(allow, deny, method, target, admitted):
    assert admits(allow, deny, method, target) is admitted


@pytest.mark.parametrize("name", [b"x-http-method-override", b"x-http-method", b"x-method-override"])
def test_an_overriding_method_must_be_within_the_scope_too(name):
    assert not admits(("POST /a",), (), "POST", b"/a", {name: b"delete"})
    assert admits(("POST /a", "DELETE /a"), (), "POST", b"/a", {name: b"delete"})
    assert not admits(("POST /a", "PUT /a"), (), "POST", b"/a", {name: b"PUT, DELETE"})


@pytest.mark.parametrize(
    "target",
    [
        *(b"/..", b"/a/./b", b"/%2e%2e/a", b"/%252e%252e/a", b"/%25252e./a", b"/a%2f..%2fb", b"/a\\..\\b", b"/..;x"),
        *(b"/%c0%ae%c0%ae/a", b"/.%E0%80%AE/a", b"/%u002e%U002E/a"),
        *(b"/..%00/a", b"/..%00x/a", b"/.%0d%0a./a", b"/.%09/a"),
    ],
)
def test_the_fence_refuses_dot_segments_in_every_spelling(target):
    with pytest.raises(Refusal, match="out_of_scope"):
        fence(target)


@pytest.mark.parametrize("target", [b"/", b"/a//b", b"/a%2Fb", b"/a.b/..c", b"/100%25", b"/a%ff", b"/a?../b", b"/a%00"])
def test_the_fence_lets_everything_else_through(target):
    fence(target)


@given(
    st.lists(st.sampled_from([b"admin", b"a", b".", b"..", b"%2e", b"%2F", b"\\", b";x", b"%252e", b"/", b"", b"%c3"]))
)
def test_what_a_lenient_server_would_resolve_into_a_denied_place_never_passes(pieces):
    target = b"/" + b"/".join(pieces)
    if admits(None, ADMIN, "GET", target):
        seen = "/".join(part.partition(";")[0] for part in unquote(unquote(target.decode())).split("/"))
        resolved = normpath("/" + seen.replace("\\", "/").lstrip("/"))
        assert resolved.split("/")[1] != "admin"


@given(st.binary())
def test_a_path_is_read_or_refused_and_nothing_else(path):
    with contextlib.suppress(Refusal):
        assert matchable(b"/" + path).startswith("/")


COUNTED = {
    "the first entry that matches": ("POST", b"/chat.postMessage?x", b"POST /chat.**"),
    "a later one": ("POST", b"/a/b", b"* /**"),
    "none: the raw path": ("GET", b"/..;/x?y", b"/..;/x"),
}


@pytest.mark.parametrize(("method", "target", "counted"), COUNTED.values(), ids=COUNTED)
def test_what_a_provider_counts_as_one(method, target, counted):
    assert first_match(["POST /chat.**", "* /**"])(method, target) == counted
