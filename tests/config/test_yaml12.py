"""YAML text as a tree: the words of YAML 1.2, and what is refused."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.config import yaml12
from proxy.config.complaints import Complaints
from proxy.config.tree import Source, entries, plain

SOURCE = Source("config.yaml", "config.yaml")

WORDS = {
    "true": True,
    "False": False,
    "on": "on",
    "off": "off",
    "yes": "yes",
    "No": "No",
    "y": "y",
    "1:30": "1:30",
    "190:20:30": "190:20:30",
    "12": 12,
    "-3": -3,
    "012": 12,
    "0o17": 15,
    "0x1F": 31,
    "0b11": "0b11",
    "1_000": "1_000",
    "1e3": 1000.0,
    ".5": 0.5,
    "1.": 1.0,
    "~": None,
    "null": None,
    "": None,
    "2024-12-18": "2024-12-18",
    "=": "=",
    "'12'": "12",
    '"true"': "true",
    "2s": "2s",
    "20%": "20%",
    ".inf": float("inf"),
    "-.INF": float("-inf"),
}

REFUSED = {  # text; line, key and the words of the complaint
    "a key given twice": ("a: 1\nb:\n  c: 1\n  d: 2\n  c: 3\n", (5, "b.c", "the key a second time (first on line 3)")),
    "a tag": (
        "a: !!python/object/apply:os.system [ls]\n",
        (1, "a", "the tag tag:yaml.org,2002:python/object/apply:os.system"),
    ),
    "a local tag": ("a: !secret x\n", (1, "a", "the tag !secret")),
    "an alias without an anchor": ("a: 1\nb: *c\n", (2, "b", "the alias *c")),
    "a second document": ("a: 1\n---\nb: 1\n", (2, "", "a second document")),
    "a map as a key": ("{a: 1}: 2\n", (1, "", "a key that is no text")),
    "a tab as indentation": ("a:\n\tb: 1\n", (2, "", "text that is not YAML")),
    "a bracket that is left open": ("a: [1, 2\nb: 3\n", (2, "", "text that is not YAML")),
    "a byte that is not UTF-8": (b"a: 1\nb: \xff\n", (2, "", "bytes that are not UTF-8")),
    "a file over 1 MiB": (b"a: " + b"x" * (1 << 20), (1, "", "a file that is larger")),
    "too many levels": ("a: " + "[" * 40 + "]" * 40, (1, "a" + "[0]" * 32, "too much")),
}

LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n" for before, name in zip("abcdef", "bcdefg", strict=True)
)


def read(text: str | bytes) -> tuple[object, list[tuple[int, str, str]]]:
    complaints = Complaints()
    tree = yaml12.read(text if isinstance(text, bytes) else text.encode(), SOURCE, complaints)
    return plain(tree), [(one.line, one.key, one.given) for one in complaints.listed()]


@pytest.mark.parametrize(("text", "value"), WORDS.items(), ids=WORDS)
def test_a_word_means_what_yaml_1_2_says(text, value):
    found, wrong = read(f"a: {text}\n")
    assert (found, wrong) == ({"a": value}, [])
    assert type(found["a"]) is type(value)


@pytest.mark.parametrize(("text", "expected"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused_is_named_with_its_line(text, expected):
    _, wrong = read(text)
    line, key, words = expected
    assert [(one[0], one[1]) for one in wrong] == [(line, key)]
    assert wrong[0][2].startswith(words)


def test_anchors_are_followed_and_keep_their_values():
    found, wrong = read("a: &x {b: 1, c: [2]}\nd: *x\n")
    assert (found, wrong) == ({"a": {"b": 1, "c": [2]}, "d": {"b": 1, "c": [2]}}, [])


def test_a_merge_key_is_a_key_like_any_other():
    assert read("a: &x {b: 1}\nc: {<<: *x}\n")[0]["c"] == {"<<": {"b": 1}}


def test_a_billion_laughs_end_early():
    _, wrong = read(LAUGHS)
    assert [given for _, _, given in wrong] == ["too much"]


def test_every_key_knows_its_line_and_its_dotted_name():
    tree = yaml12.read(b"# first\na:\n  b:\n    - 1\n    - c: 2\n  d: {e: 3}\n", SOURCE, Complaints())
    a = entries(tree)["a"]
    item = entries(a)["b"].content[1]
    assert [(node.key, node.line) for node in (a, entries(a)["b"], item, entries(item)["c"])] == [
        ("a", 2),
        ("a.b", 3),
        ("a.b[1]", 5),
        ("a.b[1].c", 5),
    ]
    assert entries(entries(a)["d"])["e"].origin == "config.yaml:6"


def test_an_empty_file_is_an_empty_map():
    assert read("# nothing\n") == ({}, [])


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.text(st.characters(codec="utf-8", exclude_categories=["C"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abcäö -:", min_size=1), inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(st.text("abc", min_size=1), values))
def test_json_is_read_as_json(value):
    assert read(json.dumps(value, ensure_ascii=False)) == (value, [])
