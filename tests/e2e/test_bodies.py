"""What becomes of a message's framing, its addresses and its interim answers on the way through the running program."""

import time
from collections.abc import Callable, Iterator

import pytest

from tests.support.by_hand import Peer, connect
from tests.support.program import LISTEN, Program
from tests.support.scripted import Line, ScriptedUpstream, plain

GET = b"GET /api/x HTTP/1.1\r\nHost: localhost\r\n\r\n"
FINE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def field(head: bytes, name: bytes) -> bytes | None:
    """The value of the first field of that name."""
    for line in head.split(b"\r\n")[1:]:
        found, _, value = line.partition(b":")
        if found.lower() == name:
            return value.strip()
    return None


def post(target: bytes = b"/api/x", *lines: bytes) -> bytes:
    return b"\r\n".join([b"POST %b HTTP/1.1" % target, b"Host: localhost", *lines, b"", b""])


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Program, ScriptedUpstream]]:
    """One program for the tests that leave nothing behind: upstream `api`, one with a path, two that take less."""
    config = tmp_path_factory.mktemp("bodies") / "config.yaml"
    with ScriptedUpstream() as upstream:
        url = f"url: '{upstream.url}', breaker: off"
        config.write_text(
            f"version: 1\n{LISTEN}upstreams:\n  api: {{{url}}}\n  v2: {{url: '{upstream.url}/v2'}}\n"
            f"  large: {{{url}, body: {{max: 3MiB}}}}\n"
            f"  small: {{{url}, body: {{max: 10}}, scope: {{allow: ['* /x']}}}}\n"
        )
        program = Program(config)
        yield program, upstream
        program.stop()


@pytest.fixture
def scripted(served: tuple[Program, ScriptedUpstream]) -> Callable[..., tuple[Program, ScriptedUpstream]]:
    """`scripted([script])`: that program, with its provider at the start of a script."""

    def start(script: list[Line] | None = None) -> tuple[Program, ScriptedUpstream]:
        program, upstream = served
        upstream.play(*(script or [plain()]))
        upstream.requests.clear()
        return program, upstream

    return start


BODILESS = {  # method, what the upstream says, what the application gets behind the head
    "HEAD with a length": (b"HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", b"5"),
    "HEAD with chunks": (b"HEAD", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", None),
    "204": (b"GET", b"HTTP/1.1 204 No Content\r\n\r\n", None),
    "304 with the length of what it stands for": (b"GET", b"HTTP/1.1 304 X\r\nContent-Length: 5\r\n\r\n", b"5"),
}


@pytest.mark.parametrize(("method", "said", "length"), BODILESS.values(), ids=BODILESS)
def test_an_answer_without_a_body_ends_with_its_head(scripted, method, said, length):
    program, upstream = scripted([said, FINE])
    with connect(program.proxy) as client:
        client.send(method + GET[3:])
        head = client.head()
        assert head.split()[1] == said.split()[1]
        assert field(head, b"content-length") in (length, None)
        assert field(head, b"transfer-encoding") is None
        client.send(GET)  # the same connection is good for more, both ways
        assert client.head().startswith(b"HTTP/1.1 200")
        assert client.exactly(2) == b"ok"
    assert len(upstream.requests) == 2
    assert len({seen.connection for seen in upstream.requests}) == 1


def test_interim_answers_and_trailers_are_dropped(scripted):
    interim = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    program, _ = scripted(
        [
            b"HTTP/1.1 100 Continue\r\n\r\n" + interim + b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
            b"Trailer: X-Sum\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 1\r\n\r\n",
            FINE,
        ]
    )
    with connect(program.proxy) as client:
        client.send(GET)
        head = client.head()
        assert head.startswith(b"HTTP/1.1 200")
        assert field(head, b"link") is field(head, b"trailer") is None
        if (length := field(head, b"content-length")) is not None:
            assert client.exactly(int(length)) == b"ok"
        else:
            assert client.until(b"0\r\n\r\n") == b"2\r\nok\r\n0\r\n\r\n"
        client.send(GET)
        assert client.head().startswith(b"HTTP/1.1 200")


def test_an_unasked_101_is_a_protocol_error(scripted):
    program, _ = scripted([b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n"])
    with connect(program.proxy) as client:
        client.send(GET)
        head = client.head()
    assert (head.split()[1], field(head, b"outrigger-error")) == (b"502", b"upstream_protocol_error")


def test_a_chunked_request_arrives_whole_and_without_trailers(scripted):
    program, upstream = scripted()
    with connect(program.proxy) as client:
        client.send(post(b"/api/x", b"Transfer-Encoding: chunked", b"Trailer: X-Sum"))
        client.send(b"3;why=not\r\nabc\r\n1\r\nd\r\n0\r\nX-Sum: 1\r\n\r\n")
        assert client.head().startswith(b"HTTP/1.1 200")
    seen = upstream.requests[0]
    assert seen.body == b"abcd"
    assert not seen.values(b"trailer")
    assert len(seen.values(b"content-length") + seen.values(b"transfer-encoding")) == 1


WANTED = {
    "a body that is kept": b"5",
    "a body that streams": b"2000000",
}


@pytest.mark.parametrize("length", WANTED.values(), ids=WANTED)
def test_a_body_that_is_wanted_is_asked_for_and_the_upstream_never_hears_of_it(scripted, length):
    program, upstream = scripted()
    with connect(program.proxy) as client:
        client.send(post(b"/api/x", b"Expect: 100-continue", b"Content-Length: " + length))
        assert client.head() == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.send(bytes(int(length)))
        assert client.head().startswith(b"HTTP/1.1 200")
    assert upstream.requests[0].values(b"expect") == []
    assert len(upstream.requests[0].body) == int(length)


def test_a_chunked_body_that_is_wanted_is_asked_for(scripted):
    program, upstream = scripted()
    with connect(program.proxy) as client:
        client.send(post(b"/api/x", b"Expect: 100-Continue", b"Transfer-Encoding: chunked"))
        assert client.head() == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.send(b"3\r\nabc\r\n0\r\n\r\n")
        assert client.head().startswith(b"HTTP/1.1 200")
    assert upstream.requests[0].body == b"abc"


UNWANTED = {
    "an upstream that does not exist": (b"/none/x", b"Content-Length: 5", b"404"),
    "a body that is declared too large": (b"/small/x", b"Content-Length: 11", b"413"),
    "a path out of scope": (b"/small/other", b"Content-Length: 5", b"403"),
}


@pytest.mark.parametrize(("target", "length", "status"), UNWANTED.values(), ids=UNWANTED)
def test_what_is_refused_never_uploads(scripted, target, length, status):
    program, upstream = scripted()
    with connect(program.proxy) as client:
        client.send(post(target, b"Expect: 100-continue", length))
        assert client.head().split()[1] == status
    assert upstream.requests == []


def test_an_open_breaker_never_asks_for_the_body(through):
    program, upstream = through(keys="retry: {attempts: 1}\nbreaker: {failure_threshold: 1}")
    upstream.close()
    with connect(program.proxy) as client:
        client.send(GET)
        client.head()
    with connect(program.proxy) as client:
        client.send(post(b"/api/x", b"Expect: 100-continue", b"Content-Length: 5"))
        assert client.head().startswith(b"HTTP/1.1 503")


def test_another_expectation_is_417(scripted):
    program, upstream = scripted()
    with connect(program.proxy) as client:
        client.send(post(b"/api/x", b"Expect: 200-ok", b"Content-Length: 2") + b"ab")
        head = client.head()
    assert (head.split()[1], field(head, b"outrigger-error")) == (b"417", b"expectation_failed")
    assert upstream.requests == []


def test_an_early_answer_goes_back_while_the_body_is_still_coming(by_hand):
    ended: list[bool] = []

    def serve(upstream: Peer) -> None:
        upstream.head()
        upstream.send(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno")
        ended.append(upstream.ended())

    program, _ = by_hand(serve)
    with connect(program.proxy) as client:
        client.send(post(b"/api/x", b"Content-Length: 100000000") + bytes(3 << 20))
        head = client.head()
        assert head.startswith(b"HTTP/1.1 403")
        assert client.exactly(2) == b"no"
        assert field(head, b"connection") == b"close"
    program.until(lambda: ended == [True])


COUNTED = {
    "chunks": (b"Transfer-Encoding: chunked", b"6\r\nabcdef\r\n6\r\nabcdef\r\n0\r\n\r\n"),
    "a length": (b"Content-Length: 12", b"abcdefabcdef"),
}


@pytest.mark.parametrize(("framing", "body"), COUNTED.values(), ids=COUNTED)
def test_a_body_over_the_limit_is_413(scripted, framing, body):
    program, upstream = scripted()
    with connect(program.proxy) as client:
        client.send(post(b"/small/x", framing) + body)
        head = client.head()
    assert (head.split()[1], field(head, b"outrigger-error")) == (b"413", b"request_too_large")
    assert upstream.requests == []


def test_a_stream_over_the_limit_is_413_and_never_whole_upstream(scripted):
    program, upstream = scripted()
    with connect(program.proxy) as client:
        client.send(post(b"/large/x", b"Transfer-Encoding: chunked"))
        for _ in range(2):
            client.send(b"100000\r\n" + bytes(1 << 20) + b"\r\n")
        time.sleep(0.05)
        client.send(b"100001\r\n" + bytes((1 << 20) + 1) + b"\r\n0\r\n\r\n")
        assert client.head().split()[1] == b"413"
    assert upstream.requests == []


ADDRESSES = {
    "Location": ("Location: {url}/v2/a?b#c", "{proxy}/v2/a?b#c"),
    "a path alone": ("Location: /v2/a", "/v2/a"),
    "Content-Location": ("Content-Location: {url}/v2/a", "{proxy}/v2/a"),
    "Link": ("Link: <{url}/v2/?page=2>; rel=next, <https://other/>; rel=x",
             "<{proxy}/v2/?page=2>; rel=next, <https://other/>; rel=x"),
    "elsewhere": ("Location: https://other.example/v2/a", "https://other.example/v2/a"),
    "the same host outside of the url": ("Location: {url}/v3/a", "{url}/v3/a"),
}  # fmt: skip


@pytest.mark.parametrize(("said", "seen"), ADDRESSES.values(), ids=ADDRESSES)
def test_addresses_point_back_at_the_proxy(scripted, said, seen):
    program, upstream = scripted()
    name, value = said.format(url=upstream.url).split(": ", 1)
    upstream.play(plain(201, b"", (name, value)))
    with connect(program.proxy) as client:
        client.send(
            GET.replace(b"/api/", b"/v2/").replace(b"localhost", program.proxy.removeprefix("http://").encode())
        )
        head = client.head()
    assert field(head, name.lower().encode()) == seen.format(url=upstream.url, proxy=program.proxy).encode()
    assert upstream.requests[0].target == b"/v2/x"


def test_an_old_client_is_answered_as_it_can_read_it(scripted):
    program, _ = scripted([b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"])
    with connect(program.proxy) as client:
        client.send(b"GET /api/x HTTP/1.0\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\n")
        head, body = client.head(), client.rest()
    assert head.startswith(b"HTTP/1.1 200")
    assert field(head, b"connection") == b"close"
    assert field(head, b"transfer-encoding") is None
    assert body == b"ok"


def test_an_absolute_form_names_the_upstream_by_its_host(scripted):
    program, upstream = scripted()
    with connect(program.proxy) as client:
        client.send(b"GET http://api/a%2Fb//c?x=&y=+ HTTP/1.1\r\nHost: api\r\n\r\n")
        assert client.head().startswith(b"HTTP/1.1 200")
    assert upstream.requests[0].target == b"/a%2Fb//c?x=&y=+"


def test_an_upstream_may_have_a_listener_of_its_own(run, provider, tmp_path):
    upstream = provider(plain(302, b"", ("Location", "/b")))
    own, shared = tmp_path / "own.sock", tmp_path / "proxy.sock"
    program = run(
        f"listen: {{proxy: 'unix:{shared}', webhooks: 127.0.0.1:0, admin: 127.0.0.1:0}}\n"
        f"upstreams: {{api: {{url: '{upstream.url}', listen: 'unix:{own}'}}}}\n"
    )
    assert f" upstreams.api=unix:{own}\n" in program.output
    answers = []
    for path, target in ((own, b"/a?b"), (shared, b"/api/a?b")):
        with connect(f"unix:{path}") as client:
            client.send(b"GET %b HTTP/1.1\r\nHost: localhost\r\n\r\n" % target)
            answers.append(field(client.head(), b"location"))
    assert [seen.target for seen in upstream.requests] == [b"/a?b", b"/a?b"]
    assert answers == [b"/b", b"/api/b"]
    assert program.stop() == 0
    assert not own.exists()
    assert not shared.exists()
