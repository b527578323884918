"""Secrets while the program runs: what is kept, what is dropped, who is told."""

import os
import pickle
from pathlib import Path

import pytest

from proxy.config.schema import SecretSource
from proxy.edges.secret_sources import Secrets, Status
from proxy.errors import Refusal
from proxy.events import Events


class Heard(Events):
    """Notes what is said of secrets, in order."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.sources: list[str] = []

    def secret_read(self, secret: str) -> None:
        self.lines.append(f"read {secret}")

    def secret_failed(self, secret: str, reason: str, source: str = "") -> None:
        self.lines.append(f"failed {secret} {reason}")
        self.sources.append(source)

    def warned(self, text: str) -> None:
        self.lines.append(text)


class World:
    """A file with a secret, a clock, and the secrets that are read from both."""

    def __init__(self, folder: Path, content: bytes | None, max_stale: float | None = None) -> None:
        self.path = folder / "token"
        self.now = 100.0
        self.heard = Heard()
        self.learnt: list[tuple[str, bytes]] = []
        if content is not None:
            self.write(content)
        source = SecretSource(file=str(self.path), max_stale=max_stale)
        self.secrets = Secrets(
            {"token": source},
            {},
            now=lambda: self.now,
            events=self.heard,
            learn=lambda *said: self.learnt.append(said),
        )

    def write(self, content: bytes, mode: int = 0o600) -> None:
        fresh = self.path.with_suffix(".new")  # as kubelets and vaults do it: another inode, then a rename
        fresh.write_bytes(content)
        fresh.chmod(mode)
        fresh.rename(self.path)

    @property
    def value(self) -> bytes | None:
        secret = self.secrets.get("token")
        return None if secret is None else secret.reveal()

    def later(self, seconds: float) -> None:
        self.now += seconds
        self.secrets.poll()


PEM = b"-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA\nGb9ECWmEzf6FQbrBZ9w7\n-----END PUBLIC KEY-----"
LOCKED = b"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nMCow\n-----END RSA PRIVATE KEY-----"
VALUES = {  # bytes of the source; the value, or why there is none
    "one newline at the end is cut": (b"abc\n", b"abc"),
    "a line end of Windows counts as one": (b"abc\r\n", b"abc"),
    "blanks belong to the value": (b" abc ", b" abc "),
    "letters beyond ASCII are letters": ("schlüssel".encode(), "schlüssel".encode()),
    "of two newlines one stays and is a control byte": (b"abc\n\n", "spoilt by a control byte"),
    "an editor's mark in front is no part of it": (b"\xef\xbb\xbfabc\r\n", b"abc"),
    "such a mark alone is nothing": (b"\xef\xbb\xbf\n", "empty"),
    "a newline alone is nothing": (b"\n", "empty"),
    "an empty file is nothing": (b"", "empty"),
    "a tab is a control byte": (b"a\tb", "spoilt by a control byte"),
    "NUL is a control byte": (b"a\0b", "spoilt by a control byte"),
    "DEL is a control byte": (b"a\x7fb", "spoilt by a control byte"),
    "a key in PEM keeps its line ends": (PEM + b"\n", PEM),
    "so does one written by Windows": (PEM.replace(b"\n", b"\r\n"), PEM.replace(b"\n", b"\r\n")),
    "several blocks are one value": (PEM + b"\n\n" + PEM, PEM + b"\n\n" + PEM),
    "a block with headers of its own": (LOCKED, LOCKED),
    "text in front of PEM": (b"key:\n" + PEM, "spoilt by a control byte"),
    "text behind PEM": (PEM + b"\nX-Evil: 1", "spoilt by a control byte"),
    "PEM that does not end": (PEM[:-30], "spoilt by a control byte"),
    "PEM that ends as something else": (PEM.replace(b"END PUBLIC", b"END PRIVATE"), "spoilt by a control byte"),
    "a tab inside PEM": (PEM.replace(b"MCow", b"MC\tw"), "spoilt by a control byte"),
    "a bare CR inside PEM": (PEM.replace(b"\n", b"\r"), "spoilt by a control byte"),
    "Latin-1 is not UTF-8": (b"schl\xfcssel", "not UTF-8"),
    "64 KiB and a byte are no secret": (b"a" * 65_537, "too large"),
}


@pytest.mark.parametrize(("content", "expected"), VALUES.values(), ids=VALUES)
def test_a_file_gives_its_value_or_the_reason_why_not(tmp_path, content, expected):
    world = World(tmp_path, content)
    status = world.secrets.status()["token"]
    assert (world.value or status.error) == expected
    assert status.available is isinstance(expected, bytes)


@pytest.mark.parametrize(
    ("given", "expected"), [("abc\n", b"abc"), ("", None), ("a\x01", None), (None, None), (PEM.decode() + "\n", PEM)]
)
def test_a_variable_is_held_to_the_same_rules(given, expected):
    environ = {} if given is None else {"TOKEN": given}
    secrets = Secrets(
        {"token": SecretSource(env="TOKEN")}, environ, now=lambda: 0.0, events=Events(), learn=lambda *_: None
    )
    found = secrets.get("token")
    assert (found and found.reveal()) == expected


def test_a_variable_is_read_once():
    environ = {"TOKEN": "first"}
    secrets = Secrets(
        {"token": SecretSource(env="TOKEN")}, environ, now=lambda: 0.0, events=Events(), learn=lambda *_: None
    )
    environ["TOKEN"] = "second"
    secrets.poll()
    secrets.adopt({"token": SecretSource(env="TOKEN"), "other": SecretSource(env="TOKEN")})
    assert secrets.read("token").reveal() == secrets.read("other").reveal() == b"first"


def test_a_changed_file_is_seen_at_the_next_look_and_raises_the_version(tmp_path):
    world = World(tmp_path, b"old")
    version = world.secrets.version
    world.later(1)
    assert world.secrets.version == version
    world.write(b"new")
    assert world.value == b"old"
    world.later(1)
    assert world.value == b"new"
    assert world.secrets.version == version + 1


def test_a_failing_file_keeps_the_last_good_value_and_is_reported_once(tmp_path):
    world = World(tmp_path, b"good")
    version = world.secrets.version
    world.path.unlink()
    for _ in range(3):
        world.later(3600)
    world.write(b"")
    world.later(1)
    world.later(1)
    assert world.value == b"good"
    assert world.secrets.version == version
    assert world.heard.lines == ["read token", "failed token missing", "failed token empty"]
    world.write(b"good")
    world.later(1)
    assert world.heard.lines[3:] == ["read token"]
    assert world.secrets.status()["token"].error is None


def test_a_value_that_was_stale_for_too_long_is_dropped(tmp_path):
    world = World(tmp_path, b"good", max_stale=60.0)
    world.later(3600)
    assert world.value == b"good"
    world.path.unlink()
    world.later(60)
    assert world.value == b"good"
    version = world.secrets.version
    world.later(1)
    assert world.value is None
    assert world.secrets.version == version + 1
    world.write(b"good")
    world.later(1)
    assert world.value == b"good"
    assert world.secrets.version == version + 2


def test_a_secret_that_never_had_a_value_is_unavailable_until_it_has_one(tmp_path):
    world = World(tmp_path, None)
    with pytest.raises(Refusal) as refused:
        world.secrets.read("token")
    assert (refused.value.code, "token" in refused.value.detail) == ("secret_unavailable", True)
    assert world.secrets.status() == {"token": Status(False, None, "missing")}
    world.write(b"here")
    world.later(1)
    assert world.secrets.read("token").reveal() == b"here"


def test_an_unknown_name_is_refused_too(tmp_path):
    with pytest.raises(Refusal, match="secret_unavailable"):
        World(tmp_path, b"x").secrets.read("another")


def test_every_good_value_is_learnt_and_no_bad_one(tmp_path):
    world = World(tmp_path, b"one\n")
    for content in (b"two", b"", b"two", b"bad\x01", b"three"):
        world.write(content)
        world.later(1)
    assert world.learnt == [("token", b"one"), ("token", b"two"), ("token", b"three")]


def test_the_age_is_counted_from_the_reading_of_the_value(tmp_path):
    world = World(tmp_path, b"one")
    world.later(30)
    assert world.secrets.status()["token"].age_seconds == 30.0
    world.write(b"two")
    world.later(5)
    assert world.secrets.status()["token"].age_seconds == 0.0


def test_a_reload_keeps_what_has_the_same_source_and_forgets_what_is_gone(tmp_path):
    world = World(tmp_path, b"good")
    world.path.unlink()
    world.later(1)
    same = SecretSource(file=str(world.path))
    version = world.secrets.version
    world.secrets.adopt({"token": same})
    assert (world.value, world.secrets.version) == (b"good", version)
    world.secrets.adopt({"token": SecretSource(file=str(world.path), max_stale=1.0)})
    assert world.value is None
    assert world.secrets.version > version
    version = world.secrets.version
    world.secrets.adopt({})
    assert world.secrets.get("token") is None
    assert world.secrets.version > version


def test_a_file_that_became_readable_for_others_is_announced_once(tmp_path):
    world = World(tmp_path, b"one")
    world.write(b"two", mode=0o644)
    world.later(1)
    world.write(b"three", mode=0o644)
    world.later(1)
    assert world.heard.lines.count("secret token is in a file that group or others can read") == 1


def test_a_pipe_in_the_place_of_a_file_does_not_hold_up_the_program(tmp_path):
    os.mkfifo(tmp_path / "token")
    assert World(tmp_path, None).secrets.status()["token"].error == "not a file"


def test_a_folder_in_the_place_of_a_file_is_unreadable(tmp_path):
    (tmp_path / "token").mkdir()
    assert World(tmp_path, None).secrets.status()["token"].error in {"unreadable", "not a file"}


def test_no_way_of_writing_a_secret_down_shows_it(tmp_path):
    world = World(tmp_path, b"hidden-value")
    secret = world.secrets.read("token")
    shown = [repr(secret), str(secret), f"{secret}", f"{secret!r:>40}", repr(world.secrets.status())]
    assert not any("hidden-value" in text for text in shown)
    with pytest.raises(TypeError, match="<secret token>"):
        pickle.dumps(secret)


def test_who_hears_of_a_missing_secret_is_told_where_it_was_looked_for(tmp_path):
    world = World(tmp_path, None)
    sources = {"key": SecretSource(env="THE_KEY"), "token": SecretSource(file=str(world.path))}
    Secrets(sources, {}, now=lambda: 0.0, events=world.heard, learn=lambda *_: None)
    assert world.heard.sources[1:] == ["env THE_KEY", f"file {world.path}"]
