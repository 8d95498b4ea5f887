"""The page in a real browser: widths, colour schemes, sorting, links, and no network."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from posealign_core.host import build_host
from posealign_core.report.write import write_report

pytest.importorskip("aiohttp")
from browser import DESKTOP, PHONE, Page, browser_page, browser_path

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(browser_path() is None, reason="there is no chromium")

COLUMN = """(() => {
  const rows = [...document.querySelector("#benchmarks tbody").rows];
  return rows.map((row) => Number(row.cells[%d].dataset.key));
})()"""
DEAD_LINKS = """[...document.querySelectorAll("a")].map((a) => a.getAttribute("href"))
  .filter((href) => !href.startsWith("#") || !document.getElementById(href.slice(1)))"""
GROUND = "getComputedStyle(document.body).backgroundColor"
OVERFLOW = "document.documentElement.scrollWidth - innerWidth"


async def check(page: Page, report: Path) -> None:
    await page.open(report)
    grounds = set()
    for width in (PHONE, DESKTOP):
        for scheme in ("light", "dark"):
            await page.show(width, scheme)
            assert await page.value(OVERFLOW) <= 0, (width, scheme)
            grounds.add(await page.value(GROUND))
    assert len(grounds) == 2

    buttons = 'document.querySelectorAll("#benchmarks th button")'
    percent = '(button) => button.parentNode.classList.contains("percent")'
    column = await page.value(f"[...{buttons}].findIndex({percent})")
    for order in (1, -1):
        await page.value(f"{buttons}[{column}].click()")
        shown = [order * value for value in await page.value(COLUMN % column)]
        assert len(set(shown)) > 1
        assert shown == sorted(shown)
    assert await page.value(DEAD_LINKS) == []
    await page.value('document.querySelector("nav a:last-child").click()')
    assert (await page.value("location.hash")).startswith("#s")
    assert page.complaints == []
    assert page.requests == [report.resolve().as_uri()]


def test_page_in_a_browser(made_runs: list[Path], tmp_path: Path) -> None:
    report, *_ = write_report(build_host(entry_points=False), made_runs, tmp_path / "report.html")

    async def visit() -> None:
        async with browser_page() as page:
            await check(page, report)

    asyncio.run(visit())
