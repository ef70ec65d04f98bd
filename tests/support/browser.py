"""A real browser for page tests: headless Chromium, driven over its DevTools protocol.

    async with open_browser() as browser:
        await browser.open(f"{url}/cfa")
        await browser.click("#act-generate button")
        assert await browser.text("h1") == "…"

Without Chromium the tests fail, they are never skipped: install Debian's package `chromium`.
"""

import asyncio
import base64
import contextlib
import itertools
import json
import shutil
import tempfile
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-proxy-server",
    "--window-size=1280,800", "--remote-debugging-port=0", "--remote-allow-origins=*", "about:blank",
)  # fmt: skip
LONGEST_WAIT_S = 20

Json = dict[str, object]


class Browser:
    """One tab. Every method ends within `LONGEST_WAIT_S`, or raises `TimeoutError`."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self._answers: dict[object, asyncio.Future[Json]] = {}
        self._loaded = asyncio.Event()
        self.requested: list[str] = []
        """Every address that the pages asked for."""

    async def open(self, url: str) -> None:
        """Go to an address and wait until the page has loaded."""
        self._loaded.clear()
        await self._ask("Page.navigate", url=url)
        await asyncio.wait_for(self._loaded.wait(), LONGEST_WAIT_S)

    async def click(self, selector: str) -> None:
        """Click with the mouse on what a person would see, and wait for the page that comes."""
        self._loaded.clear()
        await self.tap(selector)
        await asyncio.wait_for(self._loaded.wait(), LONGEST_WAIT_S)

    async def tap(self, selector: str) -> None:
        """Click on something that opens no page."""
        place = await self.evaluate(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)}); if (!e) return null;"
            "e.scrollIntoView({block: 'center', behavior: 'instant'}); const r = e.getClientRects()[0];"
            "return [r.x + r.width / 2, r.y + r.height / 2]; })()"
        )
        assert isinstance(place, list), f"there is no {selector} on the page"
        for kind in ("mousePressed", "mouseReleased"):
            await self._ask("Input.dispatchMouseEvent", type=kind, x=place[0], y=place[1], button="left", clickCount=1)

    async def type(self, selector: str, text: str) -> None:
        """Put the focus on a field and type."""
        focused = await self.evaluate(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)}); if (!e) return false;"
            "e.focus(); e.value = ''; return document.activeElement === e; })()"
        )
        assert focused, f"{selector} cannot be typed into"
        await self._ask("Input.insertText", text=text)

    async def press(self, key: str) -> None:
        """Press a key (`Tab`, `Enter`, `Space`, …)."""
        text = {"Enter": "\r", "Space": " "}.get(key, "")
        codes = {"Tab": 9, "Enter": 13, "Space": 32}
        for kind in ("keyDown", "keyUp"):
            await self._ask("Input.dispatchKeyEvent", type=kind, key=key, code=key, text=text,
                            windowsVirtualKeyCode=codes[key])  # fmt: skip

    async def text(self, selector: str) -> str:
        """Return the visible text of the first element that fits."""
        text = await self.evaluate(f"document.querySelector({json.dumps(selector)})?.innerText ?? null")
        assert isinstance(text, str), f"there is no {selector} on the page"
        return text.strip()

    async def has(self, selector: str) -> bool:
        """Whether anything fits."""
        return await self.evaluate(f"document.querySelector({json.dumps(selector)}) !== null") is True

    async def evaluate(self, expression: str) -> object:
        """Return the value of a JavaScript expression in the page."""
        answer = await self._ask("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, f"the page cannot evaluate {expression}"
        result = answer["result"]
        assert isinstance(result, dict)
        return result.get("value")

    async def resize(self, width: int, height: int) -> None:
        """Give the page the size of a screen."""
        await self._ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1,
                        mobile=width < 600)  # fmt: skip

    async def screenshot(self, path: Path, *, is_whole_page: bool = True) -> None:
        """Write a picture of the page (PNG)."""
        answer = await self._ask("Page.captureScreenshot", format="png", captureBeyondViewport=is_whole_page)
        await asyncio.to_thread(path.write_bytes, base64.b64decode(str(answer["data"])))

    async def listen(self) -> None:
        """Read what the browser says until it closes; runs beside everything else."""
        async for message in self._socket:
            said = json.loads(message.data)
            if said.get("method") == "Page.loadEventFired":
                self._loaded.set()
            elif said.get("method") == "Network.requestWillBeSent":
                self.requested.append(said["params"]["request"]["url"])
            elif (waiting := self._answers.pop(said.get("id"), None)) is not None and not waiting.done():
                waiting.set_result(said)

    async def prepare(self) -> None:
        """Have the browser tell what it loads."""
        await self._ask("Page.enable")
        await self._ask("Network.enable")

    async def _ask(self, method: str, **parameters: object) -> Json:
        number = next(self._numbers)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        said = await asyncio.wait_for(answer, LONGEST_WAIT_S)
        assert "error" not in said, f"{method}: {said['error']}"
        result = said["result"]
        assert isinstance(result, dict)
        return result


@asynccontextmanager
async def open_browser() -> AsyncIterator[Browser]:
    """Start Chromium with an empty profile, and end it afterwards."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    assert program is not None, "page tests need Chromium: install Debian's package `chromium`"
    with tempfile.TemporaryDirectory(prefix="syncd-browser-", ignore_cleanup_errors=True) as profile:
        process = await asyncio.create_subprocess_exec(
            program, f"--user-data-dir={profile}", *FLAGS, stdin=DEVNULL, stdout=DEVNULL, stderr=PIPE
        )
        try:
            async with _tab(await _devtools_port(process)) as browser:
                yield browser
        finally:
            await _end(process)


@asynccontextmanager
async def _tab(port: int) -> AsyncIterator[Browser]:
    async with aiohttp.ClientSession() as session:
        async with session.get(f"http://127.0.0.1:{port}/json/list") as answer:
            address = next(tab["webSocketDebuggerUrl"] for tab in await answer.json() if tab["type"] == "page")
        async with session.ws_connect(address, max_msg_size=0) as socket:
            browser = Browser(socket)
            listening = asyncio.create_task(browser.listen())
            try:
                await browser.prepare()
                yield browser
            finally:
                listening.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await listening


async def _devtools_port(process: Process) -> int:
    assert process.stderr is not None
    async with asyncio.timeout(LONGEST_WAIT_S):
        async for line in process.stderr:
            if line.startswith(b"DevTools listening on ws://"):
                return int(line.split(b"/")[2].rpartition(b":")[2])
    raise AssertionError("Chromium ended before it listened")


async def _end(process: Process) -> None:
    if process.returncode is None:
        process.terminate()
    try:
        async with asyncio.timeout(5):
            await process.communicate()
    except TimeoutError:
        process.kill()
        await process.communicate()
