"""The presets of providers without an integration folder."""

from pathlib import Path

import pytest
import yaml

from proxy.rules.incoming import Incoming
from proxy.rules.schemes import compile_scheme
from proxy.rules.signatures import Verified
from tests.support.cases import cases, settings_of

ROWS = yaml.safe_load((Path(__file__).parents[2] / "proxy" / "webhooks" / "providers.yaml").read_text())


@pytest.mark.parametrize("name", ROWS)
def test_a_row_is_settings_that_a_scheme_is_made_of(name: str) -> None:
    assert set(ROWS[name]) <= {"verify", "answer"}
    verify = dict(ROWS[name]["verify"])
    compile_scheme(settings_of(verify, tuple(verify.pop("secrets"))), "https://hooks.example/in")


def test_the_preset_of_github_takes_what_github_signs() -> None:
    case = cases("github")["github/valid"]
    verify = dict(ROWS["github"]["verify"])
    verify.pop("secrets")
    scheme = compile_scheme(settings_of(verify, tuple(secret.name for secret in case.secrets)))
    incoming = Incoming(case.method, case.target, case.headers, case.body)
    assert isinstance(scheme.verify(incoming, scheme.keys(case.secrets), case.now), Verified)
    assert scheme.naming(incoming).id is not None
