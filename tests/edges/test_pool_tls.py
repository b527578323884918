"""TLS towards upstreams: whom we trust, what a failure is called, and ends that cannot be told from cuts."""

import asyncio
import socket
import ssl
from pathlib import Path

import pytest

from proxy.edges.http1.connect import Address
from proxy.errors import UpstreamFailure
from proxy.upstream import TlsSettings
from tests.support.authority import Authority, server_side
from tests.support.upstreams import (
    OK,
    Upstream,
    body_of,
    cut,
    patient,
    read_request,
    request,
    saying,
    settled,
    transport_to,
    whole,
)

pytestmark = pytest.mark.usefixtures("loops")


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def good(authority):
    """The context of a server whose certificate is good for 127.0.0.1 and api.example."""
    return server_side(authority.certificate("127.0.0.1", "api.example"))


def named(upstream):
    """A lookup by which every name leads to `upstream`."""
    return lambda host, port: [Address(socket.AF_INET, ("127.0.0.1", upstream.port))]


async def failure(transport):
    with pytest.raises(UpstreamFailure) as caught:
        await transport(request())
    assert (caught.value.sent, transport.open) == (False, 0)
    return caught.value


@pytest.mark.parametrize("url", ["https://api.example", "https://api.example.", "https://127.0.0.1"])
async def test_a_good_certificate_is_accepted_and_the_connection_kept(authority, good, url):
    async with Upstream(saying(OK), good) as upstream:
        url = upstream.url if "127" in url else url
        async with transport_to(url, tls=TlsSettings(ca=authority.ca), lookup=named(upstream)) as transport:
            for _ in range(3):
                assert await body_of(await transport(request())) == b"ok"
            assert (upstream.connections, transport.idle) == (1, 1)
            transport.retire()
            await settled(lambda: transport.open == 0)


async def test_the_name_that_is_asked_for_is_the_one_that_is_verified(authority):
    asked = []
    context = server_side(authority.certificate("api.example"))
    context.sni_callback = lambda _, name, __: asked.append(name)
    async with Upstream(saying(OK), context) as upstream:
        tls = TlsSettings(ca=authority.ca, server_name="api.example")
        async with transport_to("https://other.example", tls=tls, lookup=named(upstream)) as transport:
            assert await body_of(await transport(request())) == b"ok"
    assert asked == ["api.example"]


REFUSED = {  # name and kind of the certificate; word of the detail
    "for another name": ("other.example", {}, "another name"),
    "self-signed": ("api.example", {"self_signed": True}, "self-signed"),
    "expired": ("api.example", {"expired": 1}, "expired"),
}


@pytest.mark.parametrize(("name", "kind", "word"), REFUSED.values(), ids=REFUSED)
async def test_a_certificate_that_is_refused(authority, name, kind, word):
    context = server_side(authority.certificate(name, **kind))
    async with Upstream(saying(OK), context) as upstream:
        tls = TlsSettings(ca=authority.ca)
        async with transport_to("https://api.example", tls=tls, lookup=named(upstream)) as transport:
            error = await failure(transport)
    assert (error.code, error.token) == ("tls_error", "tls_certificate_error")
    assert word in error.detail


async def test_an_address_needs_a_certificate_for_that_address(authority):
    context = server_side(authority.certificate("api.example"))
    async with (
        Upstream(saying(OK), context) as upstream,
        transport_to(upstream.url, tls=TlsSettings(ca=authority.ca)) as transport,
    ):
        assert "another address" in (await failure(transport)).detail


async def test_an_authority_that_is_not_listed_is_not_trusted(good):
    async with (
        Upstream(saying(OK), good) as upstream,
        transport_to("https://api.example", lookup=named(upstream)) as transport,
    ):
        error = await failure(transport)
    assert (error.token, "not trusted" in error.detail) == ("tls_certificate_error", True)


@pytest.mark.parametrize(("wanted", "code"), [("1.2", None), ("1.3", "tls_error")])
async def test_a_version_below_the_minimum_is_refused(authority, wanted, code):
    context = server_side(authority.certificate("api.example"))
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    async with Upstream(saying(OK), context) as upstream:
        tls = TlsSettings(ca=authority.ca, min_version=wanted)
        async with transport_to("https://api.example", tls=tls, lookup=named(upstream)) as transport:
            if code is None:
                assert await body_of(await transport(request())) == b"ok"
            else:
                error = await failure(transport)
                assert (error.code, error.token) == (code, None)


async def test_a_client_certificate_is_shown(authority):
    context = server_side(authority.certificate("api.example"), ca=authority.ca)
    own = authority.certificate("client.example")
    async with Upstream(saying(OK), context) as upstream:
        tls = TlsSettings(ca=authority.ca, cert=own, key=own)
        async with transport_to("https://api.example", tls=tls, lookup=named(upstream)) as transport:
            assert await body_of(await transport(request())) == b"ok"
        tls = TlsSettings(ca=authority.ca)
        async with transport_to("https://api.example", tls=tls, lookup=named(upstream)) as transport:
            with pytest.raises(UpstreamFailure):
                await transport(request())


@pytest.mark.parametrize("key", ["ca", "cert"])
async def test_a_file_that_is_not_there_is_a_tls_error(authority, good, key):
    async with Upstream(saying(OK), good) as upstream:
        tls = TlsSettings(**{"ca": authority.ca, key: "/nowhere.pem"})
        async with transport_to("https://api.example", tls=tls, lookup=named(upstream)) as transport:
            error = await failure(transport)
    assert (error.code, "nowhere" in error.detail) == ("tls_error", False)


async def _speaks_no_tls(reader, writer):
    await reader.read(1)
    writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    await writer.drain()


async def _cuts(reader, writer):
    await reader.read(1)
    cut(writer)


async def _closes(reader, writer):
    await reader.read(1)
    writer.close()


async def _says_nothing(reader, writer):
    await reader.read(1_000_000)
    await asyncio.Event().wait()


HANDSHAKES = {
    "no TLS": (_speaks_no_tls, "tls_error"),
    "cut": (_cuts, "tls_error"),
    "closed": (_closes, "tls_error"),
    "silence": (_says_nothing, "connect_timeout"),
}


@pytest.mark.parametrize(("play", "code"), HANDSHAKES.values(), ids=HANDSHAKES)
async def test_a_handshake_that_fails_leaves_no_descriptor(authority, play, code):
    async with Upstream(play) as upstream:
        tls, timeout = TlsSettings(ca=authority.ca), patient(connect=0.1 if code == "connect_timeout" else 5.0)
        url = f"https://127.0.0.1:{upstream.port}"
        async with transport_to(url, tls=tls, timeout=timeout) as transport:
            error = await failure(transport)
            assert (error.code, error.token) == (code, None)
            await settled(lambda: _connected_to(upstream.port) == 0)


def _connected_to(port):
    """Sockets of this process that lead to `port`; 0 where they cannot be listed."""
    count, files = 0, Path("/proc/self/fd")
    for path in files.iterdir() if files.exists() else ():
        try:
            with socket.socket(fileno=int(path.name)) as opened:
                try:
                    count += opened.getpeername()[1] == port
                except (OSError, IndexError):
                    pass
                finally:
                    opened.detach()
        except OSError:
            continue
    return count


async def test_a_body_without_length_over_tls_says_that_its_end_cannot_be_told_from_a_cut(authority, good):
    async with Upstream(saying(b"HTTP/1.1 200 OK\r\n\r\nall", then="close"), good) as upstream:
        tls = TlsSettings(ca=authority.ca)
        async with transport_to(upstream.url, tls=tls) as transport:
            response = await transport(request())
            assert (response.until_close, response.length) == (True, None)
            assert await body_of(response) == b"all"
            await settled(lambda: transport.open == 0)


@pytest.mark.parametrize("framing", [b"Content-Length: 9", b"Transfer-Encoding: chunked"])
async def test_a_cut_within_a_known_body_is_a_break_over_tls_too(authority, good, framing):
    async def play(reader, writer):
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\n" + framing + b"\r\n\r\n2\r\nhi\r\n")
        await writer.drain()
        writer.transport.abort()

    async with (
        Upstream(play, good) as upstream,
        transport_to(upstream.url, tls=TlsSettings(ca=authority.ca)) as transport,
    ):
        response = await transport(request())
        assert not response.until_close
        with pytest.raises(UpstreamFailure, match="upstream_reset"):
            await body_of(response)


@pytest.mark.parametrize("place", ["keys", "nowhere/keys"])
async def test_no_key_is_written_down_and_no_file_is_made_for_them(authority, good, tmp_path, monkeypatch, place):
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / place))
    async with (
        Upstream(saying(OK), good) as upstream,
        transport_to(upstream.url, tls=TlsSettings(ca=authority.ca)) as transport,
    ):
        assert await body_of(await transport(request())) == b"ok"
    assert list(tmp_path.iterdir()) == []


async def test_large_bodies_pass_both_ways_over_tls(authority, good):
    async def play(reader, writer):
        while True:
            _, body = await read_request(reader)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
            await writer.drain()

    sent = bytes(range(256)) * 4096
    async with (
        Upstream(play, good) as upstream,
        transport_to(upstream.url, tls=TlsSettings(ca=authority.ca)) as transport,
    ):
        for _ in range(3):
            assert await body_of(await transport(request("POST", body=whole(sent)))) == sent
        assert upstream.connections == 1
