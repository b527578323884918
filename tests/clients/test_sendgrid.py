"""sendgrid-python: a mail and its errors through the proxy."""

import json

import pytest
from python_http_client.exceptions import HTTPError
from sendgrid import SendGridAPIClient
from sendgrid.helpers.mail import Mail

from tests.clients.standing_in import QUICK, Library, said, timed
from tests.support.scripted import plain

LIBRARY = Library("sendgrid", "sendgrid", {"SendGridAPIClient": SendGridAPIClient})
MAIL = Mail("shop@example.com", "ann@example.com", "Your order", plain_text_content="It is on its way.")
TAKEN = plain(202, b"", ("X-Message-Id", "mail-1"))


def test_a_mail_arrives_with_our_key(through, provider):
    provider.play(TAKEN)
    assert through("sendgrid").send(MAIL).status_code == 202
    seen = provider.requests[-1]
    assert (seen.target, seen.values(b"authorization")) == (b"/v3/mail/send", [b"Bearer made-up-sendgrid"])
    assert json.loads(seen.body)["subject"] == "Your order"


def test_a_rate_limit_is_waited_out_here(through, provider, calls):
    before = calls("sendgrid"), len(provider.requests)
    provider.play(said({"errors": []}, 429, ("Retry-After", "1")), TAKEN)
    with timed() as ended:
        assert through("sendgrid").send(MAIL).status_code == 202
    assert ended.seconds >= 1
    assert (calls("sendgrid") - before[0], len(provider.requests) - before[1]) == (1, 2)


def test_a_mail_that_may_have_been_taken_is_not_sent_twice(through, provider):
    before = len(provider.requests)
    provider.play(said({"errors": []}, 500))
    with pytest.raises(HTTPError) as raised:
        through("sendgrid").send(MAIL)
    assert (raised.value.status_code, len(provider.requests) - before) == (500, 1)


def test_a_provider_that_is_down_is_its_own_error_and_a_quick_one(through, calls):
    client = through("sendgrid-down")
    with pytest.raises(HTTPError):
        client.send(MAIL)
    before = calls("sendgrid-down")
    with timed() as ended, pytest.raises(HTTPError) as raised:
        client.send(MAIL)
    assert ended.seconds < QUICK
    assert (raised.value.status_code, calls("sendgrid-down") - before) == (503, 1)
