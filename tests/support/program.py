"""The whole program as a user runs it: a process, a configuration file, ports that it says itself."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from urllib.request import urlopen

ROOT = Path(__file__).parent.parent.parent
LISTENING = re.compile(r"listening proxy=(\S+) webhooks=(\S+) admin=(\S+)")
LISTEN = "listen: {proxy: 127.0.0.1:0, webhooks: 127.0.0.1:0, admin: 127.0.0.1:0}\n"
PATIENCE = 20.0  # real seconds until a start or a stop is called stuck


class Program:
    """`python -m proxy run`; `output` is what it has printed so far."""

    def __init__(self, config: Path, environ: dict[str, str] | None = None) -> None:
        self.config = config
        self._lines: list[str] = []
        kept = {
            name: value
            for name, value in os.environ.items()
            if name in ("PATH", "HOME", "LANG", "COVERAGE_PROCESS_START")
        }
        self.process = subprocess.Popen(  # noqa: S603 - the interpreter that runs this very test
            [sys.executable, "-m", "proxy", "run", "-c", str(config)],
            cwd=config.parent,
            env={**kept, "PYTHONPATH": str(ROOT), **(environ or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        found = self.wait_for(LISTENING)
        self.proxy, self.webhooks, self.admin = (f"http://{address}" for address in found.groups())

    @property
    def output(self) -> str:
        return "".join(self._lines)

    def wait_for(self, pattern: re.Pattern[str] | str, seconds: float = PATIENCE) -> re.Match[str]:
        """The first place in the output that matches; the output so far if it never comes."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = re.search(pattern, self.output)
            if found:
                return found
            if self.process.poll() is not None:
                self._reader.join()
                found = re.search(pattern, self.output)
                if found:
                    return found
                break
            time.sleep(0.01)
        raise AssertionError(f"never printed {pattern}:\n{self.output}")

    def metrics(self) -> dict[str, float]:
        """`name{labels}` -> value, as scraped now."""
        with urlopen(f"{self.admin}/metrics") as answer:  # noqa: S310 - our own admin listener
            lines = answer.read().decode().splitlines()
        return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if not line.startswith("#")}

    def calls(self, outcome: str) -> float:
        """Calls that ended so, by `outrigger_requests_total`."""
        rows = self.metrics().items()
        return sum(n for name, n in rows if "_requests_total{" in name and f'outcome="{outcome}"' in name)

    def until(self, fact: Callable[[], bool], seconds: float = PATIENCE) -> None:
        """Waits until `fact()`; raises `AssertionError` if that never comes."""
        end = time.monotonic() + seconds
        while not fact():
            assert time.monotonic() < end, self.output[-4000:]
            time.sleep(0.01)

    def reload(self, text: str) -> str:
        """Serves `text` from now on, told by SIGHUP; the log line that says how that went."""
        before = self.output.count('"event":"reload"')
        self.config.write_text(text)
        self.process.send_signal(signal.SIGHUP)
        self.until(lambda: self.output.count('"event":"reload"') > before)
        return [line for line in self.output.splitlines() if '"event":"reload"' in line][-1]

    def memory(self, row: str = "VmRSS") -> int:
        """Bytes resident now; `VmHWM`: at most, so far."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(rf"{row}:\s+(\d+) kB", status)[1]) * 1024

    def descriptors(self) -> int:
        """Descriptors that are open."""
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))

    def stop(self, how: int = signal.SIGTERM) -> int:
        """The exit code after a signal."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"did not stop:\n{self.output}") from None
        self._reader.join()
        assert self.process.stdout is not None
        self.process.stdout.close()
        return self.process.returncode

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.append(line)
