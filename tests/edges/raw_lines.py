"""Raw requests by their first line. `METHOD target body`: served so; a number: refused with it, connection closed.

A row without a number leaves the connection open, so that the request behind it is served, unless it says CLOSED.
"""

CLOSED = "closed"
HOST = b"Host: x\r\n"

Row = tuple[bytes, tuple[str | int, ...]]


def get(fields: bytes = HOST, line: bytes = b"GET / HTTP/1.1") -> bytes:
    """A request without a body."""
    return line + b"\r\n" + fields + b"\r\n"


LINES: dict[str, Row] = {
    "a plain request is served": (get(), ("GET / ",)),
    "a HEAD is served": (get(line=b"HEAD /a HTTP/1.1"), ("HEAD /a ",)),
    "a POST without lengths has no body": (get(line=b"POST /a HTTP/1.1"), ("POST /a ",)),
    "PUT is served": (get(line=b"PUT /a HTTP/1.1"), ("PUT /a ",)),
    "PATCH is served": (get(line=b"PATCH /a HTTP/1.1"), ("PATCH /a ",)),
    "DELETE is served": (get(line=b"DELETE /a HTTP/1.1"), ("DELETE /a ",)),
    "an OPTIONS of everything is the gateway's": (get(line=b"OPTIONS * HTTP/1.1"), ("OPTIONS * ",)),
    "the absolute form is the gateway's": (get(line=b"GET http://y/a?b HTTP/1.1"), ("GET http://y/a?b ",)),
    "another scheme is the gateway's": (get(line=b"GET ftp://y/a HTTP/1.1"), ("GET ftp://y/a ",)),
    "a target stays as it came": (
        get(line=b"GET //a/../%2F%2f/;x?b=+&c&&d=%00? HTTP/1.1"),
        ("GET //a/../%2F%2f/;x?b=+&c&&d=%00? ",),
    ),
    "quotes and braces in a target stay": (get(line=b'GET /"<>\\^`{|} HTTP/1.1'), ('GET /"<>\\^`{|} ',)),
    "HTTP/1.0 is served and closed": (get(line=b"GET / HTTP/1.0"), ("GET / ", CLOSED)),
    "HTTP/1.0 is closed even if it asks to stay": (
        get(HOST + b"Connection: keep-alive\r\n", b"GET / HTTP/1.0"),
        ("GET / ", CLOSED),
    ),
    "a request that says close is closed": (get(HOST + b"Connection: close\r\n"), ("GET / ", CLOSED)),
    "close in a list is close": (get(HOST + b"Connection: x, Close\r\n"), ("GET / ", CLOSED)),
    "four empty lines before a request are skipped": (b"\r\n" * 4 + get(), ("GET / ",)),
    "a fifth is too many": (b"\r\n" * 5 + get(), (400,)),
    "a line feed alone is no empty line": (b"\n" + get(), (400,)),
    "a carriage return alone is no empty line": (b"\r" + get(), (400,)),
    "a blank before the method": (b" " + get(), (400,)),
    "NUL before the method": (b"\0" + get(), (400,)),
    "a method in lower case": (get(line=b"get / HTTP/1.1"), (400,)),
    "an unknown method": (get(line=b"BREW / HTTP/1.1"), (400,)),
    "a method that only begins like one": (get(line=b"GETS / HTTP/1.1"), (400,)),
    "no method": (get(line=b"/ HTTP/1.1"), (400,)),
    "a method of 20,000 letters": (get(line=b"A" * 20_000), (431,)),
    "a tab behind the method": (get(line=b"GET\t/ HTTP/1.1"), (400,)),
    "two blanks behind the method": (get(line=b"GET  / HTTP/1.1"), (400,)),
    "two blanks before the version": (get(line=b"GET /  HTTP/1.1"), (400,)),
    "a tab before the version": (get(line=b"GET /\tHTTP/1.1"), (400,)),
    "a blank behind the version": (get(line=b"GET / HTTP/1.1 "), (400,)),
    "no target": (get(line=b"GET HTTP/1.1"), (400,)),
    "an empty target": (get(line=b"GET  HTTP/1.1"), (400,)),
    "no version": (get(line=b"GET /"), (400,)),
    "no version, but a blank": (get(line=b"GET / "), (400,)),
    "HTTP/0.9": (get(line=b"GET / HTTP/0.9"), (400,)),
    "HTTP/2.0": (get(line=b"GET / HTTP/2.0"), (400,)),
    "HTTP/3": (get(line=b"GET / HTTP/3"), (400,)),
    "HTTP/1.2": (get(line=b"GET / HTTP/1.2"), (400,)),
    "HTTP/1.10": (get(line=b"GET / HTTP/1.10"), (400,)),
    "HTTP/1": (get(line=b"GET / HTTP/1"), (400,)),
    "HTTP/1.": (get(line=b"GET / HTTP/1."), (400,)),
    "HTTP/11": (get(line=b"GET / HTTP/11"), (400,)),
    "HTTP/1.1x": (get(line=b"GET / HTTP/1.1x"), (400,)),
    "HTTP/+1.1": (get(line=b"GET / HTTP/+1.1"), (400,)),
    "http in lower case": (get(line=b"GET / http/1.1"), (400,)),
    "a blank inside the version": (get(line=b"GET / HTTP/ 1.1"), (400,)),
    "RTSP": (get(line=b"GET / RTSP/1.0"), (400,)),
    "RTSP with a method of its own": (get(line=b"DESCRIBE / RTSP/1.0"), (400,)),
    "ICE": (get(line=b"SOURCE / ICE/1.0"), (400,)),
    "HTTP/2's preface": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", (400,)),
    "a TLS handshake": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(32)), (400,)),
    "a fragment in the target": (get(line=b"GET /a#b HTTP/1.1"), (400,)),
    "a fragment alone": (get(line=b"GET # HTTP/1.1"), (400,)),
    "a blank in the target": (get(line=b"GET /a b HTTP/1.1"), (400,)),
    "a second request line in the target": (get(line=b"GET / HTTP/1.1 /b HTTP/1.1"), (400,)),
    "a control byte in the target": (get(line=b"GET /\x01 HTTP/1.1"), (400,)),
    "NUL in the target": (get(line=b"GET /\0 HTTP/1.1"), (400,)),
    "DEL in the target": (get(line=b"GET /\x7f HTTP/1.1"), (400,)),
    "a byte over 0x7f in the target": (get(line=b"GET /\xc3\xa4 HTTP/1.1"), (400,)),
    "a carriage return in the target": (get(line=b"GET /\r HTTP/1.1"), (400,)),
    "a line feed in the target": (get(line=b"GET /\n HTTP/1.1"), (400,)),
    "bare line feeds everywhere": (b"GET / HTTP/1.1\nHost: x\n\n", (400,)),
    "a bare line feed behind the request line": (b"GET / HTTP/1.1\nHost: x\r\n\r\n", (400,)),
    "a bare carriage return behind the request line": (b"GET / HTTP/1.1\rHost: x\r\n\r\n", (400,)),
    "two carriage returns behind the request line": (b"GET / HTTP/1.1\r\r\nHost: x\r\n\r\n", (400,)),
    "CONNECT": (get(b"Host: x:1\r\n", b"CONNECT x:1 HTTP/1.1"), (405,)),
    "CONNECT with a body": (get(HOST + b"Content-Length: 3\r\n", b"CONNECT x:1 HTTP/1.1") + b"abc", (405,)),
    "CONNECT without Host": (get(b"", b"CONNECT x:1 HTTP/1.1"), (400,)),
    "TRACE": (get(line=b"TRACE / HTTP/1.1"), (405,)),
    "TRACE with HTTP/1.0": (get(line=b"TRACE / HTTP/1.0"), (405,)),
    "a line of 16 KiB is served": (
        get(line=b"GET /" + b"a" * (16_384 - 14) + b" HTTP/1.1"),
        ("GET /" + "a" * (16_384 - 14) + " ",),
    ),
    "a line of one byte more": (get(line=b"GET /" + b"a" * (16_384 - 13) + b" HTTP/1.1"), (431,)),
    "a line that does not end": (b"GET /" + b"a" * 70_000, (431,)),
    "a good request, then one without Host": (get() + get(b"", b"GET /b HTTP/1.1"), ("GET / ", 400)),
    "a good request, then one with bare line feeds": (get() + b"GET /b HTTP/1.1\nHost: x\n\n", ("GET / ", 400)),
    "a good request, then rubbish": (get() + b"\0\0\0", ("GET / ", 400)),
    "three requests in one piece": (
        get() + get(line=b"GET /b HTTP/1.1") + get(line=b"GET /c HTTP/1.1"),
        ("GET / ", "GET /b ", "GET /c "),
    ),
}
