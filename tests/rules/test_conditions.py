"""What the parts of a rule ask of an answer, and how its body is read for them."""

import gzip
import json
import zlib

import pytest

from proxy.model import Headers
from proxy.rules.classify import Classifier
from tests.support.provider import EPOCH

JSON: Headers = ((b"Content-Type", b"application/json"),)
XML: Headers = ((b"Content-Type", b"text/xml; charset=utf-8"),)
FAULT = (
    b'<e:Envelope xmlns:e="urn:e"><e:Body><e:Fault><faultcode>e:Client.OutOfStock</faultcode></e:Fault></e:Body>'
    b"</e:Envelope>"
)


def matches(when: dict[str, object], status: int, headers: Headers = (), body: bytes | None = None) -> bool:
    found = Classifier({"rules": [{"when": when, "as": "quota"}]}).find(status, headers, body, EPOCH)
    return found.outcome == "quota"


STATUS = {  # when.status, status -> matches
    "a status is itself": (429, 429, True),
    "and no other": (429, 428, False),
    "a list is one of": ([200, 429], 429, True),
    "a range has its first": (["500-599"], 500, True),
    "and its last": (["500-599"], 599, True),
    "and no more": (["500-599"], 600, False),
    "a range alone": ("500-599", 503, True),
    "numbers and ranges mix": ([200, "500-599"], 200, True),
}


@pytest.mark.parametrize(("wanted", "status", "expected"), STATUS.values(), ids=STATUS)
def test_status(wanted, status, expected):
    assert matches({"status": wanted}, status) is expected


HEADER = {  # when.header, fields -> matches
    "a value is itself": ({"X-A": "a"}, [b"a"], True),
    "names have no case": ({"x-a": ["a"]}, [b"a"], True),
    "values have case": ({"X-A": "a"}, [b"A"], False),
    "values are trimmed": ({"X-A": "a"}, [b" a\t"], True),
    "a list is one of": ({"X-A": ["a", "b"]}, [b"b"], True),
    "any of several lines will do": ({"X-A": "b"}, [b"a", b"b"], True),
    "a star ends a beginning": ({"X-A": ["a", "pre*"]}, [b"prefix"], True),
    "a beginning is one at the start": ({"X-A": ["pre*"]}, [b"a prefix"], False),
    "a star alone is anything": ({"X-A": ["*"]}, [b""], True),
    "a number is its text": ({"X-A": 0}, [b"0"], True),
    "a switch is its word": ({"X-A": False}, [b"false"], True),
    "present": ({"X-A": "present"}, [b""], True),
    "present and not there": ({"X-A": "present"}, [], False),
    "absent": ({"X-A": "absent"}, [], True),
    "absent and there": ({"X-A": "absent"}, [b""], False),
    "all fields must hold": ({"X-A": "a", "X-B": "present"}, [b"a"], False),
}


@pytest.mark.parametrize(("wanted", "values", "expected"), HEADER.values(), ids=HEADER)
def test_header(wanted, values, expected):
    assert matches({"header": wanted}, 200, tuple((b"X-a", value) for value in values)) is expected


JSON_VALUES = {  # when.json, document -> matches
    "false is false": ({"/ok": False}, {"ok": False}, True),
    "false is no word": ({"/ok": False}, {"ok": "false"}, False),
    "false is not 0": ({"/ok": False}, {"ok": 0}, False),
    "0 is not false": ({"/ok": 0}, {"ok": False}, False),
    "1 is 1.0": ({"/n": 1}, {"n": 1.0}, True),
    "1 is no word": ({"/n": 1}, {"n": "1"}, False),
    "a list is one of": ({"/e": ["a", "b"]}, {"e": "b"}, True),
    "null is null": ({"/e": [None]}, {"e": None}, True),
    "null is not nothing": ({"/e": [None]}, {}, False),
    "present for null": ({"/e": "present"}, {"e": None}, True),
    "present and not there": ({"/e": "present"}, {"f": 1}, False),
    "deep": ({"/a/b/c": 1}, {"a": {"b": {"c": 1}}}, True),
    "an item by number": ({"/a/1": "y"}, {"a": ["x", "y"]}, True),
    "no item of that number": ({"/a/2": "present"}, {"a": ["x", "y"]}, False),
    "a number with a leading zero is none": ({"/a/01": "present"}, {"a": ["x", "y"]}, False),
    "any item": ({"/errors/*/code": ["X"]}, {"errors": [{"code": "Y"}, {"code": "X"}]}, True),
    "no item of a map": ({"/errors/*/code": ["X"]}, {"errors": {"a": {"code": "X"}}}, False),
    "a name with a slash": ({"/a~1b": 1}, {"a/b": 1}, True),
    "a name with a tilde": ({"/a~0b": 1}, {"a~b": 1}, True),
    "all pointers must hold": ({"/ok": False, "/e": "x"}, {"ok": False}, False),
    "a list as the document": ({"/0/e": 1}, [{"e": 1}], True),
    "a scalar as the document": ({"/e": "present"}, 1, False),
}


@pytest.mark.parametrize(("wanted", "document", "expected"), JSON_VALUES.values(), ids=JSON_VALUES)
def test_json(wanted, document, expected):
    assert matches({"json": wanted}, 200, JSON, json.dumps(document).encode()) is expected


XML_VALUES = {  # when.xml, document -> matches
    "a value loses prefix and tail": ({"Fault/faultcode": ["Client"]}, FAULT, True),
    "or is taken as it stands": ({"Fault/faultcode": ["e:Client.OutOfStock"]}, FAULT, True),
    "another value": ({"Fault/faultcode": ["Server"]}, FAULT, False),
    "a path begins at any depth": ({"faultcode": "Client"}, FAULT, True),
    "present": ({"Fault": "present"}, FAULT, True),
    "present and not there": ({"Error": "present"}, FAULT, False),
    "steps follow one another": ({"Body/faultcode": "present"}, FAULT, False),
    "the envelope itself is not searched": ({"Envelope": "present"}, FAULT, False),
    "nor its body's own name": ({"Body": "present"}, FAULT, False),
    "nor its header": ({"Fault": "present"}, b"<Envelope><Header><Fault/></Header><Body/></Envelope>", False),
    "an envelope without a body": ({"Fault": "present"}, b"<Envelope><Fault/></Envelope>", False),
    "a document without an envelope": ({"Error/Code": "Throttling"}, b"<Error><Code> Throttling </Code></Error>", True),
    "an element within text": ({"b": "x"}, b"<a>t<b>x</b>t</a>", True),
    "no XML": ({"Fault": "present"}, b"<Fault>", False),
    "a document type": ({"Fault": "present"}, b"<!DOCTYPE a><a><Fault/></a>", False),
    "65 levels": ({"Fault": "present"}, b"<a>" * 64 + b"<Fault/>" + b"</a>" * 64, False),
}


@pytest.mark.parametrize(("wanted", "document", "expected"), XML_VALUES.values(), ids=XML_VALUES)
def test_xml(wanted, document, expected):
    assert matches({"xml": wanted}, 500, XML, document) is expected


def coded(name: bytes) -> Headers:
    return (*JSON, (b"Content-Encoding", name))


OK = b'{"ok": false}'
BODIES = {  # headers, body -> read as JSON
    "plain": (JSON, OK, True),
    "with a charset": (((b"content-type", b"Application/JSON; charset=utf-8"),), OK, True),
    "a type of its own": (((b"Content-Type", b"application/problem+json"),), OK, True),
    "no type": ((), OK, False),
    "another type": (((b"Content-Type", b"text/html"),), OK, False),
    "a stream of events": (((b"Content-Type", b"text/event-stream"),), OK, False),
    "not looked at": (JSON, None, False),
    "empty": (JSON, b"", False),
    "broken": (JSON, b'{"ok": false', False),
    "not UTF-8": (JSON, b'{"ok": false, "a": "\xff"}', False),
    "nested without end": (JSON, b"[" * 200_000, False),
    "gzip": (coded(b"gzip"), gzip.compress(OK), True),
    "deflate": (coded(b" Deflate "), zlib.compress(OK), True),
    "identity": (coded(b"identity"), OK, True),
    "a coding that is not known": (coded(b"br"), OK, False),
    "two codings": (coded(b"gzip, gzip"), gzip.compress(gzip.compress(OK)), False),
    "a second coding that is not known": (coded(b"gzip, br"), gzip.compress(OK), False),
    "said to be gzip": (coded(b"gzip"), OK, False),
    "broken gzip": (coded(b"gzip"), gzip.compress(OK)[:-4], False),
    "8 times peek": (coded(b"gzip"), gzip.compress(OK + b" " * (8 * 65536 - len(OK))), True),
    "swollen": (coded(b"gzip"), gzip.compress(OK + b" " * (8 * 65536 + 1 - len(OK))), False),
}


@pytest.mark.parametrize(("headers", "body", "expected"), BODIES.values(), ids=BODIES)
def test_body(headers, body, expected):
    assert matches({"json": {"/ok": False}}, 200, headers, body) is expected
