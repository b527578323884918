"""PyGithub: its errors, pages and uploads through the proxy."""

import json

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


def test_addresses_in_bodies_lead_through_the_proxy(through, provider):
    api = provider.url
    release = {
        "id": 1,
        "url": f"{api}/r",
        "upload_url": "https://uploads.github.com/repos/octo/hello/releases/1/assets{?n}",
    }
    provider.play(
        paged(
            {
                b"/issues/7/comments": lambda seen: said({"id": 3, "body": "ok"}, 201),
                b"/issues": lambda seen: said([{"id": 2, "number": 7, "url": f"{api}/repos/octo/hello/issues/7"}]),
                b"/releases/1": lambda seen: said(release),
                b"/repos/octo/hello": lambda seen: said({**REPOSITORY, "url": f"{api}/repos/octo/hello"}),
            }
        )
    )
    repository = through("github").get_repo("octo/hello")
    assert [issue.create_comment("ok").id for issue in repository.get_issues()] == [3]
    assert (
        repository.get_release(1)
        .upload_url.partition("{")[0]
        .endswith("/github/~uploads/repos/octo/hello/releases/1/assets")
    )


def test_a_release_asset_goes_to_the_host_for_uploads(through, provider, program, tmp_path):
    asked = {"match": "POST /~uploads/repos/*/*/releases/*/assets", "status": 418}  # nothing leaves for the real host
    text = program.config.read_text()
    program.reload(text.replace(f"url: '{provider.url}'", f"url: '{provider.url}', faults: [{json.dumps(asked)}]"))
    address = "https://uploads.github.com/repos/octo/hello/releases/1/assets"
    provider.play(
        paged(
            {
                b"/releases/1": lambda seen: said({"id": 1, "upload_url": f"{address}{{?name}}"}),
                b"/repos": lambda seen: said({**REPOSITORY, "url": f"{provider.url}/repos/octo/hello"}),
            }
        )
    )
    asset = tmp_path / "asset.bin"
    asset.write_bytes(bytes(range(256)) * 4096)
    release = through("github").get_repo("octo/hello").get_release(1)
    with pytest.raises(GithubException) as raised:
        release.upload_asset(str(asset))
    assert raised.value.status == 418
    program.reload(text)


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
