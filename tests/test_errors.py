"""The table of codes against contract §5, row by row."""

from proxy.errors import CODES, ClientGone, Refusal, StaleConnection

CONTRACT = """
bad_request 400 http_request_error
unauthorized_caller 401 http_request_denied
browser_refused 403 http_request_denied
out_of_scope 403 http_request_denied
unknown_upstream 404 destination_not_found
method_not_allowed 405 http_request_denied
request_timeout 408 http_request_error
request_too_large 413 http_request_denied
expectation_failed 417 http_request_error
misdirected 421 http_request_denied
cooldown 429 http_request_denied
rate_limited 429 http_request_denied
head_too_large 431 http_request_denied
internal_error 500 proxy_internal_error
connect_refused 502 connection_refused
dns_error 502 dns_error
tls_error 502 tls_protocol_error
upstream_reset 502 connection_terminated
upstream_protocol_error 502 http_protocol_error
egress_denied 502 destination_ip_prohibited
circuit_open 503 destination_unavailable
concurrency_full 503 connection_limit_reached
secret_unavailable 503 proxy_configuration_error
draining 503 destination_unavailable
connect_timeout 504 connection_timeout
upstream_timeout 504 http_response_timeout
deadline_exceeded 504 http_response_timeout
"""


def test_the_codes_are_those_of_the_contract():
    assert [f"{name} {code.status} {code.token}" for name, code in CODES.items()] == CONTRACT.split("\n")[1:-1]


def test_every_title_is_a_sentence_of_its_own():
    assert len({code.title for code in CODES.values()}) == len(CODES)


def test_an_error_shows_its_code_and_no_particulars():
    assert str(Refusal("circuit_open", "detail", retry_after=3)) == "circuit_open"
    assert str(ClientGone()) == "client_gone"
    assert str(StaleConnection(sent=True)) == "upstream_reset"
