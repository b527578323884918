"""Every command of the README, run as it stands there, and every link of it and of `docs/` followed."""

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest

from proxy.config.complaints import Complaints
from proxy.config.manifest import Presets

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", README, re.DOTALL | re.MULTILINE)
COMMANDS = [line for kind, text in BLOCKS if kind == "sh" for line in text.splitlines()]
CURLS = [line for line in COMMANDS if line.startswith("curl")]
RUN, TEST = (line for line in COMMANDS if line.startswith("make"))
INLINE = re.findall(r"`outrigger ([^`]+)`", README)
PORTS = (8600, 8601, 8602)
PATIENCE = 60.0  # seconds until `make run` must listen
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"\]\(([^)\s]+)\)")


class Served:
    """`make run` in a copy of the tree that shares its `.venv`; `output` is what it has printed so far."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("proxy", "config.yaml", "Makefile", "pyproject.toml", "requirements.lock", "README.md"):
            source = ROOT / name
            (shutil.copytree if source.is_dir() else shutil.copy2)(source, folder / name)
        self.environ = {"PATH": os.environ["PATH"], "HOME": str(folder)}
        self._share(Path(sys.executable).parents[1])
        self.output = ""
        self._process = subprocess.Popen(  # noqa: S603 - the README's own words
            ["bash", "-c", RUN],  # noqa: S607 - the user's shell
            cwd=folder,
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,  # make and what it runs are told to stop together
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _share(self, venv: Path) -> None:
        """The libraries that are here, as if they had just been installed: no test asks a package index."""
        (self.folder / ".venv").mkdir()
        for one in venv.iterdir():
            if not one.name.startswith(".installed"):
                (self.folder / ".venv" / one.name).symlink_to(one)
        (self.folder / ".venv" / ".installed").touch()

    def wait_for(self, text: str, times: int = 1) -> None:
        end = time.monotonic() + PATIENCE
        while self.output.count(text) < times:
            assert time.monotonic() < end, self.output
            assert self._process.poll() is None or self._reader.is_alive(), self.output
            time.sleep(0.02)

    def type(self, command: str) -> str:
        """What a second terminal in the same place shows."""
        ended = subprocess.run(  # noqa: S603 - the README's own words
            ["bash", "-ec", command],  # noqa: S607 - the user's shell
            cwd=self.folder,
            env={**self.environ, "PATH": f"{self.folder}/.venv/bin:{self.environ['PATH']}"},
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    def stop(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGTERM)
        self._process.wait(PATIENCE)
        self._reader.join()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.output += line


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    for port in PORTS:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:  # whoever has it would answer in our place
                pytest.skip(f"NOT TESTED: the README's commands, for port {port} is in use; stop what listens there")
    made = Served(tmp_path_factory.mktemp("tree"))
    try:
        made.wait_for("try: ")
        yield made
    finally:
        made.stop()


def curl(containing: str) -> str:
    (found,) = [line for line in CURLS if containing in line]
    return found


def test_every_command_is_run_by_a_test_of_this_file():
    assert (RUN, TEST) == ("make run", "make test")
    run_here = ["-d email=", "?email=", "[[429 wait=1]]", "/metrics", "/api/upstreams/stripe"]
    assert [curl(one) for one in run_here] == CURLS
    assert [RUN, TEST, *CURLS] == COMMANDS
    about_the_file = ["check", "explain partner", "explain partner POST /orders"]
    assert [*about_the_file, "init", "snippet stripe python", "doctor", "webhook list"] == INLINE
    assert [kind for kind, _ in BLOCKS if kind not in ("text", "yaml")].count("python") == 1
    assert {kind for kind, _ in BLOCKS} == {"text", "sh", "python", "yaml"}


def test_make_test_is_what_continuous_integration_calls():
    lines = (ROOT / ".ci" / "run").read_text().splitlines()
    assert lines[-1] == TEST


def test_make_run_says_where_it_listens_and_three_lines_that_work(served):
    assert "listening proxy=127.0.0.1:8600 webhooks=127.0.0.1:8601 admin=127.0.0.1:8602" in served.output
    served.wait_for("try: ", times=3)
    tries = re.findall(r"^try: (.*)$", served.output, re.MULTILINE)
    assert len(tries) == 3
    for line in tries:
        assert "outrigger-mock: true" in served.type(line.replace("curl ", "curl -sS -i ", 1)).lower()


def test_a_customer_is_created_at_the_mock_and_found_again(served):
    create = curl("-d email=")
    assert re.search(r'"id": ?"cus_\w+"', served.type(create))
    answer = served.type(create.replace("curl ", "curl -i ", 1)).lower()
    assert answer.startswith("http/1.1 200")
    for said in ("outrigger-mock: true", "outrigger-request-id: ", "outrigger-attempts: 1"):
        assert said in answer
    found = served.type(curl("?email="))
    assert '"ada@example.com"' in found
    assert re.search(r'"object": ?"list"', found)


def test_a_sick_provider_costs_a_wait_and_a_second_attempt(served):
    began = time.monotonic()
    answer = served.type(curl("[[429 wait=1]]")).lower()
    assert time.monotonic() - began >= 1.0
    assert answer.startswith("http/1.1 200")
    assert "outrigger-attempts: 2" in answer


def test_stripe_s_own_library_creates_and_reads_a_customer(served):
    (lines,) = [text for kind, text in BLOCKS if kind == "python"]
    (served.folder / "try.py").write_text(lines)
    assert re.fullmatch(r"cus_\w+ ada@example.com\n", served.type("python try.py"))


def test_what_happened_is_in_the_metrics_and_the_settings_in_the_api(served):
    served.type(curl("-d email="))
    metrics = served.type(curl("/metrics"))
    assert re.search(r'^outrigger_requests_total\{[^}]*upstream="stripe"[^}]*\} [1-9]', metrics, re.MULTILINE)
    settings = served.type(curl("/api/upstreams/stripe"))
    assert re.search(r'"name": ?"stripe"', settings)
    assert '"breaker"' in settings
    assert '"closed"' in settings


def test_the_five_lines_for_another_api_are_a_configuration_that_runs(served):
    (lines,) = [text for kind, text in BLOCKS if kind == "yaml"]
    more = "secrets: {partner_key: {env: PARTNER_KEY}}\n"
    (served.folder / "partner.yaml").write_text(lines + more)
    (outrigger,) = re.findall(r"`outrigger` is\s+`([^`]+)`", README)
    said = [served.type(f"OUTRIGGER_CONFIG=partner.yaml PARTNER_KEY=x {outrigger} {line}") for line in INLINE[:3]]
    assert said[0].startswith("partner.yaml: no errors\n")
    assert "https://api.partner.example/v2  # partner.yaml:3" in said[1]
    assert "POST https://api.partner.example/v2/orders\n" in said[2]
    assert "Authorization: Bearer {partner_key}\n" in said[2]


def test_a_file_is_begun_an_sdk_pointed_and_what_is_around_looked_at(served):
    (outrigger,) = re.findall(r"`outrigger` is\s+`([^`]+)`", README)
    begin, point, look = INLINE[3:6]
    assert served.type(f"OUTRIGGER_CONFIG=begun.yaml {outrigger} {begin}").startswith("wrote begun.yaml: ")
    assert 'base_addresses={"api": "http://127.0.0.1:8600/stripe"}' in served.type(f"{outrigger} {point}")
    assert "all is well" in served.type(f"STRIPE_WEBHOOK_SECRET=whsec_made_up {outrigger} {look}")


def test_the_inbox_can_be_looked_into(served):
    (outrigger,) = re.findall(r"`outrigger` is\s+`([^`]+)`", README)
    listed = served.type(f"{outrigger} {INLINE[6]}")
    assert all(" stripe " in line for line in listed.splitlines())


def test_as_many_providers_are_known_by_name_as_it_says():
    presets = Presets(Complaints())
    assert f"webhooks of {len(presets.webhook_names())} providers" in README
    assert f"[{len(list((ROOT / 'proxy' / 'integrations').glob('*/manifest.yaml')))} APIs]" in README


def test_going_live_needs_only_what_the_readme_says(served):
    live = re.search(r"^STRIPE_MODE=live STRIPE_SECRET_KEY=\S+ (make run)$", README, re.MULTILINE)
    assert live is not None
    said = served.type("STRIPE_MODE=live STRIPE_SECRET_KEY=rk_live_made_up python -m proxy check")
    assert "upstreams: stripe (live), twilio (mock)" in said


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page):
    missing = []
    for link in LINK.findall(page.read_text()):
        if "://" in link or link.startswith("mailto:"):
            continue
        path, _, anchor = unquote(link).partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            missing.append(link)
    assert missing == []


def anchors(page: Path) -> set[str]:
    """The anchors that a page's headings get where it is shown."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
