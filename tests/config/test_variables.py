"""Variables in values: what is filled in, what is refused, and what is never repeated."""

import pytest

from tests.support.configuration import lines, settings

ENVIRON = {"HOST": "api.example", "EMPTY": "", "N": "4", "WORD": "secret-word", "BRACES": "${HOST}"}

FILLED = {  # what stands in the file; what it becomes
    "a variable": ("${HOST}", "api.example"),
    "a variable in the middle of text": ("a ${HOST} b ${N}", "a api.example b 4"),
    "one that is set to nothing": ("'<${EMPTY}>'", "<>"),
    "a default for one that is not set": ("${NONE:-x y}", "x y"),
    "a default for one that is empty": ("${EMPTY:-x}", "x"),
    "a default that is not needed": ("${HOST:-x}", "api.example"),
    "an empty default": ("'<${NONE:-}>'", "<>"),
    "a needed one that is set": ("${HOST:?say it}", "api.example"),
    "a literal": ("$${HOST}", "${HOST}"),
    "a dollar": ("$HOST costs 5$", "$HOST costs 5$"),
    "a value is not read again": ("${BRACES}", "${HOST}"),
    "quotes change nothing": ('"${HOST}"', "api.example"),
}

REFUSED = {
    "not set": ("${NONE}", "given ${NONE}, which is not set; allowed a variable that is set, or ${NONE:-default}"),
    "needed and not set": ("${NONE:?say where}", "given ${NONE}, which is not set: say where; allowed a value"),
    "needed and empty": ("${EMPTY:?say where}", "given ${EMPTY}, which is not set: say where; allowed a value"),
    "no name": (
        "'${}'",
        "given a ${ that is no variable; allowed ${VAR}, ${VAR:-default}, ${VAR:?message}, or $${ for",
    ),
    "left open": ("'${HOST'", "given a ${ that is no variable;"),
    "another form": ("${HOST-x}", "given a ${ that is no variable;"),
}


@pytest.mark.parametrize(("text", "value"), FILLED.values(), ids=FILLED)
def test_a_value_is_filled_in(tmp_path, text, value):
    text = text if text.startswith(("'", '"')) else f"'{text}'"
    assert settings(tmp_path, f"debug_log: {{path: {text}}}\n", ENVIRON).debug_log.path == value


@pytest.mark.parametrize(("text", "words"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_filled_in_is_named(tmp_path, text, words):
    text = text if text.startswith("'") else f"'{text}'"
    [line] = lines(tmp_path, f"debug_log:\n  path: {text}\n", ENVIRON)
    assert line.startswith(f"config.yaml:2: debug_log.path: {words}")


def test_types_are_checked_after_variables(tmp_path):
    text = """
workers: ${ONE}
upstreams:
  a:
    url: "https://${HOST}/"
    retry: {attempts: "${N}"}
    timeout: {total: "${SECONDS:-2.5}", idle: "${IDLE:-250ms}"}
    debug: {raw: "${RAW:-false}"}
    breaker: "${BREAKER:-off}"
"""
    found = settings(tmp_path, text, ENVIRON | {"ONE": "1"}).upstreams["a"]
    assert (found.url, found.retry.attempts, found.timeout.total, found.timeout.idle) == (
        "https://api.example/",
        4,
        2.5,
        0.25,
    )
    assert (found.debug.raw, found.breaker) == (False, None)


def test_a_complaint_shows_the_file_and_not_the_value(tmp_path):
    text = """
log: {level: "${WORD}"}
upstreams:
  a: {url: "${WORD}", retry: {attempts: "${WORD}"}, mode: "${WORD}"}
  b: {url: "https://x.example", integration: "${WORD}", auth: {type: "${WORD}"}, listen: "${WORD}"}
  c: {url: "https://${WORD}:x@h.example", scope: {allow: ["${WORD}"]}, egress: {allow: ["${WORD}"]}}
webhooks:
  w: {verify: {scheme: hmac, signature: "${WORD}", signed: "${WORD}", secrets: ["${WORD}"]}, path: "${WORD}",
      deliver: {url: "${WORD}", mode: sync}}
callers: {tokens: ["${WORD}"], networks: ["${WORD}"]}
hosts: ["${WORD}/"]
inbox: {url: "${WORD}"}
"""
    found = lines(tmp_path, text, ENVIRON)
    assert len(found) >= 15
    assert "secret-word" not in "\n".join(found)
    assert "config.yaml:2: log.level: given ${WORD}; allowed debug, info, warning, error" in "\n".join(found)


def test_a_variable_in_a_key_is_a_key(tmp_path):
    [line] = lines(tmp_path, "'${HOST}': 1\n", ENVIRON)
    assert line.startswith("config.yaml:1: ${HOST}: given an unknown key")
