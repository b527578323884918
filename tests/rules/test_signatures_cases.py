"""Every shared case of every provider: genuine, forged, mangled, stale. Their file does not know how we verify."""

import pytest

from proxy.rules.incoming import Incoming
from proxy.rules.schemes import compile_scheme
from proxy.rules.signatures import Rejected, Verified
from tests.support.cases import Case, cases


@pytest.mark.parametrize("case", cases().values(), ids=cases())
def test_a_case_is_judged_as_its_row_says(case: Case) -> None:
    scheme = compile_scheme(case.settings, case.public_url)
    assert (case.method in scheme.methods) is (case.reason != "method_not_allowed")
    if case.reason == "method_not_allowed":
        return
    incoming = Incoming(case.method, case.target, case.headers, case.body)
    found = scheme.verify(incoming, scheme.keys(case.secrets), case.now)
    if case.reason == "accepted":
        assert isinstance(found, Verified)
        assert found.secret in {secret.name for secret in case.secrets}
    else:
        assert isinstance(found, Rejected)
        assert (found.outcome, found.status) == (case.reason, case.status), found.detail


def test_the_cases_are_there_for_all_eight_providers() -> None:
    providers = {"stripe", "slack", "twilio", "github", "shopify", "standardwebhooks", "discord", "sendgrid"}
    assert {name.partition("/")[0] for name in cases()} == providers
