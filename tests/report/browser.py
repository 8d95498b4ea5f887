"""Drives a headless Chromium: widths, colour schemes, clicks, what the page says went wrong.

    python tests/report/browser.py REPORT.html FOLDER

takes pictures of a page for phone and desktop, light and dark.
"""

from __future__ import annotations

import asyncio
import base64
import itertools
import shutil
import sys
import tempfile
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

PHONE, DESKTOP = 390, 1280
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0")


def browser_path() -> str | None:
    """The browser, where there is one."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


class Page:
    """One page in the browser.

    Attributes:
        complaints: Errors, and what the page's policy refused.
        requests: What was loaded, but for what is in the page itself.
    """

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._ids = itertools.count(1)
        self.complaints: list[str] = []
        self.requests: list[str] = []

    async def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method of the DevTools protocol."""
        number = next(self._ids)
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        while True:
            message = await self._socket.receive_json(timeout=60)
            if message.get("id") == number:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']}")
                found: dict[str, Any] = message["result"]
                return found
            self._note(message)

    def _note(self, message: dict[str, Any]) -> None:
        parameters = message.get("params", {})
        if message.get("method") == "Log.entryAdded":
            self.complaints.append(parameters["entry"]["text"])
        elif message.get("method") == "Runtime.exceptionThrown":
            self.complaints.append(str(parameters["exceptionDetails"]))
        elif message.get("method") == "Network.requestWillBeSent":
            url = parameters["request"]["url"]
            self.requests += [] if url.startswith("data:") else [url]

    async def open(self, path: Path) -> None:
        """Load a page from disk, and wait until it is there."""
        for domain in ("Page", "Runtime", "Log", "Network"):
            await self.call(f"{domain}.enable")
        await self.call("Page.navigate", url=path.resolve().as_uri())
        while await self.value("document.readyState") != "complete":
            await asyncio.sleep(0.05)

    async def show(self, width: int, scheme: str) -> None:
        """Take a width in pixels, and `light` or `dark`."""
        screen = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
        await self.call("Emulation.setDeviceMetricsOverride", **screen)
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        await self.call("Emulation.setEmulatedMedia", features=features)

    async def value(self, expression: str) -> Any:
        """What a JavaScript expression is."""
        found = await self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in found:
            raise RuntimeError(f"{expression}: {found['exceptionDetails']}")
        return found["result"].get("value")

    async def picture(self, path: Path) -> None:
        """A picture of the whole page."""
        found = await self.call("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(found["data"]))


@asynccontextmanager
async def browser_page() -> AsyncIterator[Page]:
    """A page of a browser that is started for it."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        process = await asyncio.create_subprocess_exec(
            browser_path() or "chromium",
            *FLAGS,
            f"--user-data-dir={profile}",
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            address = await _address(process)
            async with aiohttp.ClientSession() as session:
                async with session.put(f"http://{address}/json/new?about:blank") as reply:
                    url = (await reply.json())["webSocketDebuggerUrl"]
                async with session.ws_connect(url, max_msg_size=0) as socket:
                    yield Page(socket)
        finally:
            process.kill()
            await process.wait()


async def _address(process: asyncio.subprocess.Process) -> str:
    """Where the browser listens; it says so on its standard error."""
    if process.stderr is None:
        raise RuntimeError("the browser has no standard error")
    async for line in process.stderr:
        _, found, rest = line.decode().partition("DevTools listening on ws://")
        if found:
            return rest.partition("/")[0]
    raise RuntimeError("the browser ended before it listened")


async def take_pictures(report: Path, folder: Path) -> list[Path]:
    """Pictures for phone and desktop, light and dark."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    async with browser_page() as page:
        await page.open(report)
        for width in (PHONE, DESKTOP):
            for scheme in ("light", "dark"):
                await page.show(width, scheme)
                paths.append(folder / f"{report.stem}_{width}_{scheme}.png")
                await page.picture(paths[-1])
    return paths


if __name__ == "__main__":
    for picture in asyncio.run(take_pictures(Path(sys.argv[1]), Path(sys.argv[2]))):
        sys.stdout.write(f"{picture}\n")
