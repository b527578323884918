"""S1: a secret's value is in nothing that the program writes or says, in no encoding."""

import base64
import json
from pathlib import Path
from urllib.parse import quote, quote_plus

from tests.support.command import outrigger
from tests.support.program import Program
from tests.support.raw import ask, get
from tests.support.scripted import Seen, plain
from tests.support.standing import LISTEN

VALUE = 's3cr3t/+"quoted"&<of>=the{day}'
USER = "a-user-of-ours"
KEYS = "inject: {headers: {Authorization: 'Bearer {key}', X-Pair: '{user}'}, query: {token_of_ours: '{key}'}}\n"
MORE = (
    "secrets: {key: {env: KEY}, user: {env: USER_OF_OURS}, admin_token: {env: ADMIN}}\n"
    "admin: {token: admin_token}\ndebug_log: {enabled: true}\nlog: {level: debug, requests: all}\n"
)
ENVIRON = {"KEY": VALUE, "USER_OF_OURS": USER, "ADMIN": "the-admin-token-itself"}


def forms() -> dict[str, bytes]:
    """Every disguise that is looked for; of base64 the part that is the same whatever stands around it."""
    raw = VALUE.encode()
    found = {
        "raw": raw,
        "JSON": json.dumps(VALUE)[1:-1].encode(),
        "percent": quote(VALUE, safe="").encode(),
        "percent, lower case": quote(VALUE, safe="").lower().encode(),
        "form": quote_plus(VALUE).encode(),
        "HTML": VALUE.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;").encode(),
        "hex": raw.hex().encode(),
    }
    return found | {name: whole[4:-8] for name, whole in base64_forms().items()}


def base64_forms() -> dict[str, bytes]:
    """The value at the three alignments, and as the password of a pair."""
    texts = {f"base64 behind {before}": f"{'x' * before}{VALUE}yyy" for before in range(3)}
    texts["pair"] = f"{USER}:{VALUE}"
    standard = {name: base64.b64encode(text.encode()) for name, text in texts.items()}
    return standard | {f"{name}, url": form.replace(b"+", b"-").replace(b"/", b"_") for name, form in standard.items()}


def echo(seen: Seen) -> bytes:
    """What came, in a body and a field, and the value in every disguise."""
    disguised = b"\n".join((forms() | base64_forms()).values())
    came = b"\n".join([seen.target, *(b": ".join(field) for field in seen.headers), seen.body])
    return plain(500, disguised + b"\n" + came, ("X-Echo", VALUE), ("Content-Type", "text/plain"))


def found_in(what: bytes) -> list[str]:
    values = {**forms(), "user": USER.encode(), "admin": ENVIRON["ADMIN"].encode()}
    return [name for name, form in values.items() if form in what]


def spoken(program: Program) -> dict[str, bytes]:
    """All that can be read of it: pages, the process itself, its output."""
    paths = ["/metrics", "/api/upstreams", "/api/upstreams/api", "/readyz", "/", "/api/requests"]
    said = {path: get(program.admin, path).body for path in paths}
    for one in json.loads(said["/api/requests"])["requests"]:
        said[f"call {one['id']}"] = get(program.admin, f"/api/requests/{one['id']}").body
    said["title"] = Path(f"/proc/{program.process.pid}/cmdline").read_bytes()
    said["output"] = program.output.encode()
    return said


def test_a_secret_is_in_nothing_that_is_written_or_said(run, provider, tmp_path):
    upstream = provider(echo)
    keys = KEYS + "debug: {raw: true}\nretry: {attempts: 2, backoff: {base: 1ms}}\n"
    text = "upstreams:\n  api:\n" + "".join(f"    {line}\n" for line in f"url: {upstream.url}\n{keys}".splitlines())
    program = run(text + MORE, **ENVIRON)
    got = get(program.proxy, f"/api/x?again={quote(VALUE)}", f"X-Mine: {VALUE}")
    assert VALUE.encode() in got.body  # an answer is never edited
    body = base64.b64encode(VALUE.encode())
    head = f"POST /api/y HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
    assert ask(program.proxy, head.encode() + body).status == 500
    ask(program.proxy, f"GET /api/x HTTP/1.1\r\nAuthorization : {VALUE}\r\n\r\n".encode())
    program.wait_for("bad_request")
    program.until(lambda: get(program.admin, "/api/requests?limit=9").body.count(b'"target"') >= 2)
    said = spoken(program)
    assert any(name.startswith("call ") and b"[redacted key]" in what for name, what in said.items())
    assert program.stop() == 0
    files = [path for path in (tmp_path / ".outrigger").rglob("*") if path.is_file()]
    assert files
    said |= {path.name: path.read_bytes() for path in files} | {"output": program.output.encode()}
    assert {place: names for place, what in said.items() if (names := found_in(what))} == {}
    assert all(path.stat().st_mode & 0o077 == 0 for path in files)


def test_no_command_prints_a_secret(tmp_path):
    (tmp_path / "config.yaml").write_text(
        f"{LISTEN}upstreams: {{api: {{url: 'http://127.0.0.1:9', auth: {{type: bearer, secret: key}}}}}}\n{MORE}"
    )
    for arguments in (["check"], ["check", "--json"], ["explain", "api"], ["explain", "api", "--json"]):
        ended = outrigger(tmp_path, *arguments, **ENVIRON)
        assert ended.out
        assert found_in((ended.out + ended.err).encode()) == []


def test_a_secret_written_where_a_source_is_due_is_not_repeated(tmp_path):
    (tmp_path / "config.yaml").write_text(f"{LISTEN}secrets: {{key: '{VALUE}'}}\nupstreams: {{}}\n")
    for command in ("check", "run"):
        ended = outrigger(tmp_path, command)
        assert ended.code == 2
        assert "config.yaml:3" in ended.out + ended.err
        assert found_in((ended.out + ended.err).encode()) == []


def test_debugging_of_the_interpreter_is_refused(tmp_path):
    (tmp_path / "config.yaml").write_text(f"{LISTEN}upstreams: {{}}\n")
    ended = outrigger(tmp_path, "run", PYTHONASYNCIODEBUG="1")
    assert ended.code == 1
    assert "debug" in ended.err


def test_the_file_that_tls_keys_would_be_written_to_is_not_even_made(run, provider, tmp_path):
    upstream = provider(echo)
    program = run(f"upstreams: {{a: {{url: '{upstream.url}'}}}}\n", SSLKEYLOGFILE=str(tmp_path / "keys"))
    assert get(program.proxy, "/a/").status == 500
    assert get(program.admin, "/healthz").status == 200
    assert not (tmp_path / "keys").exists()
