"""The map page in a real browser: from asking for the address to a map that is drawn and follows the mouse.

A made-up system is served by the real application over HTTP to headless Chromium. The World behind the page is built
before the clock starts (`answers_s` says how long that took), as the next viewer of a running server finds it. The
clock runs from the start of the navigation; `usable_ms` ends when a drag over the map has been drawn. Measured are the
view that opens by default and, with `all=1`, everything; each in a browser without anything cached (`first`) and when
the same browser comes again (`again`).

    python -m benchmarks.map_page --services 1000 --edges 5000 --json
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import statistics
import time
from collections.abc import Iterator
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page

from benchmarks.machine import report
from dashboards.address import Address
from tests.browser.serving import serving
from tests.dashboards.large import LargeServices
from tests.servers.chromium import chromium

RANGE = "15m"
VIEWS = {"default": "", "all": "&all=1"}
SMALLER = ((60, 180), (300, 1200))
VIEWPORT = {"width": 1366, "height": 860}
TIMEOUT_MS = 120_000
DRAG_STEPS = 8
START_S = 180.0

# Notes when the map has been drawn for the first time with everything on it: the frame after its first `render`.
WATCH = """
window.causewayDrawn = null;
(function look() {
  const box = document.querySelector('#map');
  const cy = box && box._cyreg && box._cyreg.cy;
  if (cy && cy.nodes().length) {
    cy.one('render', () => requestAnimationFrame(() => { window.causewayDrawn = performance.now(); }));
    cy.forceRender();
  } else { requestAnimationFrame(look); }
})();
"""
MAP = "document.querySelector('#map')._cyreg.cy"
SEEN = f"() => ({{nodes: {MAP}.nodes().length, edges: {MAP}.edges().length}})"
PANNED = f"""(before) => new Promise((done) => {{
  const cy = {MAP};
  const look = () => (cy.pan().x - before > 60)
    ? cy.one('render', () => requestAnimationFrame(() => done(performance.now()))) && cy.forceRender()
    : requestAnimationFrame(look);
  look();
}})"""
FRAMES = """() => { window.causewayFrames = []; let last = performance.now();
  (function next() { requestAnimationFrame(() => {
    const now = performance.now(); window.causewayFrames.push(now - last); last = now; next(); }); })(); }"""
TRANSFER = """() => performance.getEntriesByType('resource').concat(performance.getEntriesByType('navigation'))
  .reduce((sum, one) => [sum[0] + one.transferSize, sum[1] + one.decodedBodySize], [0, 0])"""
ANSWER = """() => { const found = performance.getEntriesByType('resource')
  .filter(one => one.name.includes('_dash-update-component') && one.decodedBodySize > 5000)[0];
  return found && {server_ms: found.responseStart - found.requestStart, asked_at_ms: found.requestStart,
    bytes: found.encodedBodySize, bytes_unpacked: found.decodedBodySize}; }"""


def serve(services: int, edges: int, answers: multiprocessing.Queue[tuple[str, float]]) -> None:
    """A child process: the application over a system of that size, its World built beforehand; until it is ended."""
    made = LargeServices(services=services, edges=edges)
    window = Address.of("/map", f"?range={RANGE}").window(made.now_ns(), slot_ns=made.slot_ns(0))
    began = time.perf_counter()
    made.patrol(window)
    answers_s = time.perf_counter() - began
    with serving(made) as url:
        answers.put((url, answers_s))
        while True:
            time.sleep(3600)


@contextlib.contextmanager
def served(services: int, edges: int) -> Iterator[tuple[str, float]]:
    """The address of a server in a process of its own, and how long its World took."""
    processes = multiprocessing.get_context("spawn")
    answers: Any = processes.Queue()
    child = processes.Process(target=serve, args=(services, edges, answers), daemon=True)
    child.start()
    try:
        yield answers.get(timeout=START_S)
    finally:
        child.terminate()
        child.join()


def visit(context: BrowserContext, address: str) -> dict[str, Any]:
    """One navigation to the map: when it was drawn, when a drag over it had been, and what came over the wire."""
    page = context.new_page()
    page.set_default_timeout(TIMEOUT_MS)
    page.add_init_script(WATCH)
    page.goto(address, wait_until="commit")
    page.wait_for_function("() => window.causewayDrawn")
    drawn_ms = float(page.evaluate("window.causewayDrawn"))
    usable_ms, frames = _drag(page)
    seen = page.evaluate(SEEN)
    answer = page.evaluate(ANSWER) or {}
    transfer, unpacked = page.evaluate(TRANSFER)
    page.close()
    return {
        "drawn_ms": drawn_ms,
        "usable_ms": usable_ms,
        "frame_ms": statistics.median(frames) if frames else None,
        "frame_ms_max": max(frames, default=None),
        **{f"answer_{name}": value for name, value in answer.items()},
        "page_bytes": transfer,
        "page_bytes_unpacked": unpacked,
        **seen,
    }


def _drag(page: Page) -> tuple[float, list[float]]:
    """Drag the background by a hundred pixels: when that was on the screen, and how long frames took meanwhile."""
    page.evaluate(FRAMES)
    box = page.locator("#map").bounding_box()
    assert box
    x, y = box["x"] + 12, box["y"] + 12
    before = page.evaluate(f"{MAP}.pan().x")
    page.mouse.move(x, y)
    page.mouse.down()
    for step in range(1, DRAG_STEPS + 1):
        page.mouse.move(x + step * 100 / DRAG_STEPS, y)
    usable_ms = float(page.evaluate(PANNED, before))
    page.mouse.up()
    return usable_ms, page.evaluate("window.causewayFrames")


def measure(browser: Browser, *, services: int, edges: int, runs: int) -> dict[str, Any]:
    """Medians over the runs, by view."""
    found: dict[str, Any] = {"services": services, "edges": edges}
    with served(services, edges) as (url, answers_s):
        found["answers_s"] = round(answers_s, 2)
        for view, extra in VIEWS.items():
            rounds: dict[str, list[dict[str, Any]]] = {"first": [], "again": []}
            for _ in range(runs):
                context = browser.new_context(viewport=VIEWPORT)  # type: ignore[arg-type]
                for name in rounds:
                    rounds[name].append(visit(context, f"{url}/map?range={RANGE}{extra}"))
                context.close()
            found[view] = {name: _middle(visits) for name, visits in rounds.items()}
    return found


def _middle(visits: list[dict[str, Any]]) -> dict[str, Any]:
    numbers = {name: [one[name] for one in visits if one.get(name) is not None] for name in visits[0]}
    return {name: round(statistics.median(values)) for name, values in numbers.items() if values}


def main() -> None:
    """Run the benchmark and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--services", type=int, default=1000)
    parser.add_argument("--edges", type=int, default=5000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", action="store_true", help="leave out the systems of 60 and 300 services")
    parser.add_argument("--json", action="store_true", help="accepted for symmetry: the answer is always JSON")
    asked = parser.parse_args()
    sizes = [*(() if asked.only else SMALLER), (asked.services, asked.edges)]
    with chromium() as browser:
        result = [measure(browser, services=services, edges=edges, runs=asked.runs) for services, edges in sizes]
    report({"range": RANGE, "viewport": VIEWPORT, "runs": asked.runs, "sizes": result})


if __name__ == "__main__":
    main()
