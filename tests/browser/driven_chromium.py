"""A browser that a test drives as a person would: it types, clicks and reads what is shown."""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from websockets.sync.client import ClientConnection, connect

PATIENCE_SECONDS = 60
_MOST_BYTES = 50_000_000


@dataclass(slots=True)
class Tab:
    """One tab, through the browser's own protocol (chromedevtools.github.io/devtools-protocol)."""

    connection: ClientConnection
    complaints: list[str] = field(default_factory=list)
    """What the browser refused, or what scripts failed with."""
    calls: int = 0

    def call(self, method: str, **given: Any) -> dict[str, Any]:
        """Have the browser do something, and give its answer."""
        self.calls += 1
        self.connection.send(json.dumps({"id": self.calls, "method": method, "params": given}))
        while True:
            said = json.loads(self.connection.recv(timeout=PATIENCE_SECONDS))
            if said.get("id") == self.calls:
                assert "error" not in said, said
                answer: dict[str, Any] = said["result"]
                return answer
            self._note(said)

    def open(self, url: str) -> None:
        """Go to an address, and return once its page is there."""
        self.call("Page.navigate", url=url)
        self.until("document.readyState === 'complete' && location.href !== 'about:blank'")

    def run(self, script: str) -> Any:
        """Give the value of an expression in the page, awaited."""
        answer = self.call(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def until(self, condition: str) -> None:
        """Return once an expression holds in the page; fails after a minute."""
        reached = self.run(
            "new Promise((told) => { const ends = Date.now() + 50000; const look = () => "
            f"({condition}) ? told(true) : Date.now() > ends ? told(false) : setTimeout(look, 20);"
            " look(); })"
        )
        assert reached, f"{condition}: {self.run('document.body.innerText')}"

    def type(self, selector: str, text: str) -> None:
        """Type into a field."""
        self.run(f"document.querySelector({json.dumps(selector)}).focus()")
        self.call("Input.insertText", text=text)

    def click(self, selector: str) -> None:
        """Click what a selector finds first."""
        self.run(f"document.querySelector({json.dumps(selector)}).click()")

    def _note(self, said: dict[str, Any]) -> None:
        params = said.get("params", {})
        match said.get("method"):
            case "Log.entryAdded" if params["entry"]["level"] == "error":
                self.complaints.append(f"{params['entry']['text']} {params['entry'].get('url')}")
            case "Runtime.exceptionThrown":
                self.complaints.append(json.dumps(params["exceptionDetails"]))
            case "Runtime.consoleAPICalled":
                self.complaints.append(json.dumps(params["args"]))


@contextmanager
def driven(binary: str, folder: Path) -> Iterator[Tab]:
    """Start a headless browser with a new profile, and give its first tab."""
    process = subprocess.Popen(
        [
            binary,
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--remote-debugging-port=0",
            "--window-size=1200,900",
            f"--user-data-dir={folder / 'profile'}",
            "about:blank",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "HOME": str(folder)},
    )
    try:
        assert process.stderr is not None
        begun = next(line for line in process.stderr if "DevTools listening on" in line)
        origin = begun.split("ws://")[1].split("/")[0]
        targets = httpx.get(f"http://{origin}/json/list", timeout=PATIENCE_SECONDS).json()
        page = next(target for target in targets if target["type"] == "page")
        with connect(page["webSocketDebuggerUrl"], max_size=_MOST_BYTES) as connection:
            tab = Tab(connection)
            for domain in ("Page", "Runtime", "Log"):
                tab.call(f"{domain}.enable")
            yield tab
    finally:
        process.kill()
        process.communicate()
