"""Senders that post signed Stripe events to the webhook listener, and remember which were taken."""

import hmac
import json
import threading
import time
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

SECRET = "whsec_made-up-for-this-test"


def event(id: str, more: str = "") -> bytes:
    return json.dumps({"id": id, "type": "charge.succeeded", "object": "event", "more": more}).encode()


def proof(body: bytes, secret: str = SECRET) -> dict[str, str]:
    now = int(time.time())
    mac = hmac.digest(secret.encode(), b"%d.%b" % (now, body), "sha256").hex()
    return {"Stripe-Signature": f"t={now},v1={mac}"}


class Senders:
    """`count` of them, each one event after the other, until `stop()`. `taken`: ids that were answered 2xx."""

    def __init__(self, base: str, count: int) -> None:
        self.taken: set[str] = set()
        self._where = urlsplit(base).netloc
        self._stopped = threading.Event()
        self._threads = [threading.Thread(target=self._send, args=(number,), daemon=True) for number in range(count)]
        for one in self._threads:
            one.start()

    def stop(self) -> None:
        self._stopped.set()
        for one in self._threads:
            one.join(20)

    def _send(self, sender: int) -> None:
        number = 0
        connection = HTTPConnection(self._where, timeout=10)
        while not self._stopped.is_set():
            number += 1
            name = f"evt_{sender}_{number}"
            body = event(name)
            try:
                connection.request("POST", "/stripe", body, proof(body))
                answer = connection.getresponse()
                answer.read()
            except (OSError, HTTPException):  # it was killed: nobody said 2xx
                connection.close()
                time.sleep(0.05)
                continue
            if answer.status == 200:
                self.taken.add(name)
            elif answer.status == 503:
                time.sleep(0.01)
