"""The Dockerfile: what a linter says, what the Makefile does too, and what must never be in an image."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
DOCKERFILE = (ROOT / "Dockerfile").read_text()
STAGES = DOCKERFILE.split("\nFROM ")[1:]


def test_the_linter_has_nothing_to_say():
    linter = Path(sys.executable).parent / "hadolint"
    said = subprocess.run([linter, ROOT / "Dockerfile"], capture_output=True, text=True, check=False)  # noqa: S603 - a linter of ours
    assert said.stdout + said.stderr == ""


def test_the_image_installs_as_the_makefile_does():
    flags = "--require-hashes --only-binary :all: -r requirements.lock"
    assert flags in DOCKERFILE
    assert flags in (ROOT / "Makefile").read_text()


def test_the_image_runs_what_make_run_runs():
    assert 'ENTRYPOINT ["python", "-m", "proxy"]' in DOCKERFILE
    assert "-m proxy run" in (ROOT / "Makefile").read_text()


def test_the_last_stage_takes_only_what_was_built_and_the_configuration():
    copied = re.findall(r"^COPY (.*)$", STAGES[-1], re.MULTILINE)
    assert copied == ["--from=build /app /app", "config.yaml ./"]


def test_the_last_stage_is_not_root_and_has_no_package_manager():
    assert re.findall(r"^USER (.*)$", STAGES[-1], re.MULTILINE) == ["65532:65532"]
    assert "pip uninstall" in STAGES[0]
    assert "pip uninstall" in STAGES[-1]
    assert not re.search(r"\b(apt-get|apk|curl|gcc)\b", DOCKERFILE)


def test_its_health_is_asked_without_a_shell_or_curl():
    assert re.search(r'^HEALTHCHECK .*CMD \["python", "-m", "proxy", "health"\]$', STAGES[-1], re.MULTILINE)


def test_no_secret_and_no_index_is_baked_in():
    assert not re.search(r"(?i)(secret|token|password|index-url|extra-index)", DOCKERFILE)
    for lock in ROOT.glob("requirements*.lock"):
        assert not re.search(r"https?://|^--(?!hash)", lock.read_text(), re.MULTILINE), lock.name
