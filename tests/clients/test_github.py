"""PyGithub: its errors, pages and uploads through the proxy."""

import pytest
from github import Auth, Github, GithubException

from tests.clients.standing_in import QUICK, Library, paged, said, timed

LIBRARY = Library("github", "github", {"Github": Github, "Auth": Auth})
REPOSITORY = {"id": 1, "name": "hello", "full_name": "octo/hello", "url": "https://api.github.com/repos/octo/hello"}


def test_a_call_arrives_with_our_token(through, provider):
    provider.play(said(REPOSITORY))
    assert through("github").get_repo("octo/hello").full_name == "octo/hello"
    seen = provider.requests[-1]
    assert (seen.target, seen.values(b"authorization")) == (b"/repos/octo/hello", [b"Bearer made-up-github"])


def test_a_secondary_limit_is_waited_out_here(through, provider, calls):
    before = calls("github"), len(provider.requests)
    provider.play(
        said({"message": "You have exceeded a secondary rate limit"}, 403, ("Retry-After", "1")), said(REPOSITORY)
    )
    with timed() as ended:
        assert through("github").get_repo("octo/hello").id == 1
    assert ended.seconds >= 1
    assert (calls("github") - before[0], len(provider.requests) - before[1]) == (1, 2)


def test_pages_follow_links_that_lead_through_the_proxy(through, provider):
    def first(seen):
        host = seen.values(b"host")[0].decode()
        return said([{"id": 1, "login": "a"}], 200, ("Link", f'<http://{host}/users?page=2>; rel="next"'))

    provider.play(paged({b"page=2": lambda seen: said([{"id": 2, "login": "b"}]), b"/users": first}))
    assert [user.login for user in through("github").get_users()] == ["a", "b"]


def test_a_refusal_is_its_own_error_and_is_not_repeated(through, provider):
    before = len(provider.requests)
    provider.play(said({"message": "Resource not accessible by integration"}, 403))
    with pytest.raises(GithubException) as raised:
        through("github").get_repo("octo/hello")
    assert raised.value.status == 403
    assert len(provider.requests) - before == 1


def test_a_provider_that_is_down_is_its_own_error_and_a_quick_one(through, calls):
    client = through("github-down")
    with pytest.raises(GithubException):
        client.get_repo("octo/hello")
    before = calls("github-down")
    with timed() as ended, pytest.raises(GithubException) as raised:
        client.get_repo("octo/hello")
    assert ended.seconds < QUICK
    assert raised.value.status == 503
    assert calls("github-down") - before <= 2
