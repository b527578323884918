"""`outrigger webhook verify --file` as a user has it."""

import hmac
import json
from pathlib import Path

import pytest

from tests.support.in_process import command

NOW = 1_790_000_000
SECRET = "whsec_made-up"
CONFIG = """\
version: 1
secrets:
  other_secret: {env: OTHER}
webhooks:
  stripe:
    integration: stripe
    deliver: {url: http://127.0.0.1:9/hooks, mode: sync}
  shop:
    verify:
      scheme: hmac
      header: X-Sig
      signed: "{body}"
      secrets: [other_secret]
    deliver: {url: http://127.0.0.1:9/hooks, mode: sync}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "config.yaml").write_text(CONFIG)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def saved(folder: Path, secret: str = SECRET, body: bytes = b'{"id":"evt_1"}', came: bytes | None = None) -> str:
    mac = hmac.new(secret.encode(), b"%d.%b" % (NOW, body), "sha256").hexdigest()
    head = f"POST /stripe HTTP/1.1\r\nHost: h\r\nStripe-Signature: t={NOW},v1={mac}\r\n\r\n"
    (folder / "request").write_bytes(head.encode() + (body if came is None else came))
    return str(folder / "request")


def verified(folder: Path, *more: str, **environ: str) -> tuple[int, dict[str, object]]:
    environ = {"STRIPE_WEBHOOK_SECRET": SECRET, "OTHER": "other-made-up"} | environ
    ended = command(folder / "config.yaml", "webhook", "verify", "--webhook", "stripe", "--json", *more, **environ)
    assert SECRET not in ended.out + ended.err
    assert "other-made-up" not in ended.out + ended.err
    return ended.code, json.loads(ended.out)


def test_a_good_request_is_verified_as_of_its_time(folder: Path) -> None:
    code, found = verified(folder, "--file", saved(folder), "--at", str(NOW + 5))
    assert code == 0
    assert found == {
        "ok": True,
        "reason": "accepted",
        "finding": None,
        "proof": True,
        "fix": None,
        "skew_seconds": 5.0,
        "matched_secret": "stripe_webhook_secret",
    }


def test_the_secret_of_another_webhook_is_named(folder: Path) -> None:
    code, found = verified(folder, "--file", saved(folder, "other-made-up"), "--at", str(NOW))
    assert code == 1
    assert (found["finding"], found["matched_secret"], found["proof"]) == ("other_secret", "other_secret", True)
    assert "webhooks.stripe.verify.secrets" in str(found["fix"])


def test_without_a_time_it_is_judged_as_of_now(folder: Path) -> None:
    code, found = verified(folder, "--file", saved(folder))
    assert (code, found["reason"]) == (1, found["finding"])
    assert found["reason"] in ("expired", "future")
    assert found["matched_secret"] == "stripe_webhook_secret"


def test_people_are_told_what_was_found_and_what_to_do(folder: Path) -> None:
    request = saved(folder, body=b'{"id":"evt_1"}', came=b'{"id": "evt_1"}')
    ended = command(
        folder / "config.yaml", "webhook", "verify", "--webhook", "stripe", "--file", request, "--at", str(NOW),
        STRIPE_WEBHOOK_SECRET=SECRET, OTHER="x",
    )  # fmt: skip
    assert ended.code == 1
    assert ended.out.startswith("bad_signature: body_changed (proven)\n")
    assert "fix: " in ended.out
    assert f'signed text: {NOW}.{{"id":"evt_1"}}' in ended.out


def test_a_secret_that_is_not_set_is_said_with_its_variable(folder: Path) -> None:
    code, found = verified(folder, "--file", saved(folder), STRIPE_WEBHOOK_SECRET="")
    assert (code, found["reason"], found["finding"]) == (1, "secret_unavailable", "unknown")
    assert found["fix"] == "set the variable STRIPE_WEBHOOK_SECRET"


@pytest.mark.parametrize("more", ["\n\n", "\t", "\r"])
def test_a_secret_with_a_line_break_behind_it_is_found_and_not_served(folder: Path, more: str) -> None:
    request = saved(folder)
    code, found = verified(folder, "--file", request, "--at", str(NOW), STRIPE_WEBHOOK_SECRET=SECRET + more)
    assert (code, found["reason"]) == (1, "secret_unavailable")
    assert (found["finding"], found["proof"]) == ("secret_format", True)


WRONG = {
    "neither a file nor --last": ((), "--last or --file"),
    "both": (("--file", "request", "--last"), "--last or --file"),
    "a file that is not there": (("--file", "nothing"), "nothing: No such file"),
    "a file that is no request": (("--file", "config.yaml"), "line 1 is no request line"),
    "a time before time": (("--file", "config.yaml", "--at", "-5"), "--at -5: write Unix seconds"),
    "no time": (("--file", "config.yaml", "--at", "nan"), "--at nan: write Unix seconds"),
    "a webhook that is not configured": (("--webhook", "strip", "--file", "config.yaml"), "did you mean stripe?"),
}


@pytest.mark.parametrize(("more", "says"), WRONG.values(), ids=WRONG)
def test_wrong_usage_ends_with_2(folder: Path, more: tuple[str, ...], says: str) -> None:
    ended = command(folder / "config.yaml", "webhook", "verify", "--webhook", "stripe", *more, OTHER="x")
    assert (ended.code, ended.out) == (2, "")
    assert says in ended.err


def test_without_a_running_program_there_is_no_last_request(folder: Path) -> None:
    (folder / "config.yaml").write_text(CONFIG + "listen: {admin: unix:/nonexistent/admin.sock}\n")
    ended = command(folder / "config.yaml", "webhook", "verify", "--webhook", "stripe", "--last", OTHER="x")
    assert ended.code == 1
    assert "is it running" in ended.err
