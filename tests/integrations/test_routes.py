"""Paths to functions."""

import pytest

from proxy.integrations.routes import Routes

ROUTES = Routes({"GET /v1/a": "list", "GET /v1/a/{id}": "read", "POST /v1/a/{id}.json": "json", "GET /": "root"})

FOUND = {
    "an exact path": ("GET", "/v1/a", ("list", ())),
    "a name stands for a segment": ("GET", "/v1/a/b", ("read", ("b",))),
    "a name may have an ending": ("POST", "/v1/a/b.json", ("json", ("b",))),
    "a name is never empty": ("GET", "/v1/a/", None),
    "nor before its ending": ("POST", "/v1/a/.json", None),
    "the ending is needed": ("POST", "/v1/a/b", None),
    "another method": ("PUT", "/v1/a", None),
    "a longer path": ("GET", "/v1/a/b/c", None),
    "the root": ("GET", "/", ("root", ())),
}


@pytest.mark.parametrize(("method", "path", "found"), FOUND.values(), ids=FOUND)
def test_routes(method, path, found):
    assert ROUTES.find(method, path.split("/")[1:]) == found


def test_a_path_is_known_whatever_the_method():
    assert ROUTES.knows(["v1", "a"])
    assert not ROUTES.knows(["v1", "b"])
