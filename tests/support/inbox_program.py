"""A program with a webhook for each way of handing on, the application behind it, and an operator's token."""

import socket
from pathlib import Path

import httpx

from tests.support.ports import free_port
from tests.support.program import Program
from tests.support.scripted import ScriptedUpstream
from tests.support.senders import SECRET, event, proof

TOKEN = "operator-token-of-this-test"
ENVIRON = {"STRIPE_WEBHOOK_SECRET": SECRET, "ADMIN": TOKEN}
OPERATOR = {"Authorization": f"Bearer {TOKEN}"}
SHORT = "retry: {waits: [1s, 1s], jitter: 0}"
PATIENT = f"retry: {{waits: [{'1s, ' * 60}1h], jitter: 0}}"


class Inbox:
    """A program with a webhook for each way of handing on, and the application behind it."""

    def __init__(self, folder: Path, **inbox: object) -> None:
        self.application = ScriptedUpstream()
        self.folder = folder
        url = self.application.url
        self.admin = free_port()
        settings = "".join(f", {key}: {value}" for key, value in inbox.items())
        self.config = folder / "config.yaml"
        self.config.write_text(f"""\
version: 1
listen: {{proxy: 127.0.0.1:0, webhooks: 127.0.0.1:0, admin: 127.0.0.1:{self.admin}}}
secrets: {{admin_token: {{env: ADMIN}}}}
admin: {{token: admin_token}}
webhooks:
  stripe: {{integration: stripe, deliver: {{url: "{url}/hooks", {SHORT}}}}}
  patient: {{integration: stripe, deliver: {{url: "{url}/hooks", {PATIENT}}}}}
  failing: {{integration: stripe, deliver: {{url: "{url}/hooks", {SHORT}}}}}
  gone: {{integration: stripe, deliver: {{url: "{url}/hooks", {SHORT}}}}}
  both: {{integration: stripe, deliver: {{url: "{url}/hooks", mode: sync_then_stored, {SHORT}}}}}
  asked: {{integration: stripe, deliver: {{url: "{url}/hooks", mode: sync}}}}
  pulled: {{integration: stripe, answer: {{status: 202, body: ok}}}}
  paged: {{integration: stripe}}
  shown: {{integration: stripe}}
inbox: {{url: "sqlite:inbox.db", min_free: 0{settings}}}
""")
        self.start()

    def start(self) -> None:
        self.program = Program(self.config, ENVIRON)

    def post(self, name: str, id: str, **headers: str) -> httpx.Response:
        body = event(id)
        return httpx.post(f"{self.program.webhooks}/{name}", content=body, headers=proof(body) | headers)

    def arrived(self) -> list[str]:
        return [seen.values(b"Outrigger-Event-Id")[0].decode() for seen in list(self.application.requests)]

    def events(self, **filters: str) -> list[dict[str, object]]:
        return httpx.get(f"{self.program.admin}/api/webhooks/events", params=filters).json()["events"]

    def ask(self, path: str, content: object = None) -> httpx.Response:
        return httpx.post(f"{self.program.admin}/api/webhooks/{path}", json=content, headers=OPERATOR)

    def away(self) -> None:
        """Nothing listens at the application's address any more."""
        self.port = self.application.port
        self.application.close()
        self._held = socket.socket()  # bound and not listening: connections are refused, and nobody else gets the port
        self._held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._held.bind(("127.0.0.1", self.port))

    def back(self, application: type[ScriptedUpstream] = ScriptedUpstream) -> ScriptedUpstream:
        """The application is there again, on its port."""
        self._held.close()
        self.application = application(port=self.port)
        return self.application

    def stop(self) -> None:
        self.program.stop()
        self.application.close()
