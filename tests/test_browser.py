"""The built pages work in a browser without any network, wide and narrow."""

import functools
import http.server
import json
import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
import yaml
from matplotlib.colors import Normalize

from vsrnn.plot.lines import scatter
from vsrnn.plot.save import save
from vsrnn.plot.style import drawing

ROOT = Path(__file__).parent.parent
HTML = Path(os.environ.get("VSRNN_BOOK", ROOT / "_build" / "html"))
TOC = yaml.safe_load((ROOT / "_toc.yml").read_text())
PAGES = [TOC["root"]] + [c["file"] for part in TOC["parts"] for c in part["chapters"]]
SIZES = {"desktop": (1280, 900), "phone": (390, 844)}
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--no-default-browser-check",
    "--no-proxy-server",
    # no name and no address leads outside
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
SETTLED = """
const done = arguments[arguments.length - 1];
const mathematics = window.MathJax?.startup?.promise ?? Promise.resolve();
const images = [...document.images].map((image) => {
  image.loading = "eager";
  return image.decode().catch(() => null);
});
const films = [...document.querySelectorAll("video")].map((film) =>
  new Promise((resolve) => {
    film.onplaying = film.onerror = resolve;
    film.play().catch(resolve);
  }));
Promise.all([mathematics, document.fonts.ready, ...images, ...films])
  .then(() => setTimeout(done, 100));
"""
FOUND = """
const all = (what) => [...document.querySelectorAll(what)];
return {
  formulas: all(".math").length,
  rendered: all("mjx-container").length,
  wrong: all("mjx-merror").map((node) => node.textContent),
  empty: all("img").filter((i) => !i.naturalWidth).map((i) => i.src),
  silent: all("article :is(img, video, svg[role])")
    .filter((i) => !(i.alt || i.ariaLabel || "").trim())
    .map((i) => i.src || i.outerHTML.slice(0, 200)),
  films: all("video").map((v) => [v.src, v.readyState > 2, v.duration > 0,
    v.videoWidth > 0, v.loop, v.muted, v.controls, v.playsInline]),
  anonymous: all("article figure, article .figure")
    .filter((f) => f.querySelector("img, video, svg[role]"))
    .filter((f) => !f.querySelector(".caption-number"))
    .map((f) => f.id || f.textContent),
  title: all("article h1").length,
  width: document.documentElement.scrollWidth,
};
"""


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serve files without a line on the screen for each."""

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def book() -> Path:
    if not (HTML / "index.html").exists():
        pytest.skip("there is no built book: run `make book` first")
    return HTML.resolve()


@pytest.fixture(scope="module")
def server(book: Path) -> Iterator[str]:
    handler = functools.partial(Quiet, directory=str(book))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as served:
        threading.Thread(target=served.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{served.server_port}"
        served.shutdown()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator:
    webdriver = pytest.importorskip("selenium.webdriver")
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    driver = shutil.which("chromedriver")
    if not program or not driver:
        pytest.skip("there is no Chromium: install Debian's chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = program
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(flag)
    options.set_capability(
        "goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"}
    )
    opened = webdriver.Chrome(options, webdriver.ChromeService(driver))
    opened.set_script_timeout(60)
    opened.get("about:blank")  # ends what the browser's own first page asks for
    yield opened
    opened.quit()


def visit(browser, url: str, size: str) -> dict:
    """Open a page, wait until it is drawn, and tell what is there."""
    width, height = SIZES[size]
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1}
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", metrics | {"mobile": size == "phone"}
    )
    for kind in ("performance", "browser"):
        browser.get_log(kind)  # what came before does not count
    browser.get(url)
    browser.execute_async_script(SETTLED)
    return browser.execute_script(FOUND)


def troubles(browser, base: str) -> dict[str, list[str]]:
    """Requests that failed or went outside, and errors on the console."""
    outside, failed = [], []
    for entry in browser.get_log("performance"):
        event = json.loads(entry["message"])["message"]
        detail = event["params"]
        if event["method"] == "Network.requestWillBeSent":
            url = detail["request"]["url"]
            if not url.startswith((base, "data:", "blob:")):
                outside.append(url)
        elif event["method"] == "Network.loadingFailed":
            if detail.get("canceled") and detail["type"] == "Media":
                continue  # the browser asks for the rest of a film as it needs it
            failed.append(f"{detail.get('type')}: {detail['errorText']}")
        elif event["method"] == "Network.responseReceived":
            answer = detail["response"]
            if answer["status"] >= 400:
                failed.append(f"{answer['status']} {answer['url']}")
    console = [
        e["message"] for e in browser.get_log("browser") if e["level"] == "SEVERE"
    ]
    found = {"outside": outside, "failed": failed, "console": console}
    return {kind: messages for kind, messages in found.items() if messages}


def check(found: dict, size: str) -> None:
    assert found["title"] == 1
    assert not found["wrong"]
    assert found["rendered"] >= found["formulas"]
    assert not found["empty"], "images that did not load"
    assert not found["silent"], "images and films without words for them"
    assert all(all(film) for film in found["films"]), "films that do not play"
    assert not found["anonymous"], "figures without a number"
    assert found["width"] <= SIZES[size][0], "the page is wider than the window"


@pytest.mark.parametrize("page", PAGES)
def test_page_is_whole_without_network_and_from_the_disk(browser, server, book, page):
    for base, sizes in ((server, SIZES), (book.as_uri(), ["desktop"])):
        for size in sizes:
            found = visit(browser, f"{base}/{page}.html", size)
            assert not troubles(browser, base if base == server else "file://")
            check(found, size)


@pytest.mark.parametrize("size", SIZES)
def test_points_of_a_figure_tell_their_rows(browser, pages, tmp_path, size):
    table = pd.DataFrame({"name": ["first", "second"], "x": [1, 2], "y": [5, 4]})
    with drawing("web", 0.5) as figure:
        scatter(figure.subplots(), table, "x", "y", norm=Normalize(), hue="y")
    text = save(figure, "told", table, tmp_path)["svg"].read_text()
    script = (ROOT / "book" / "_static" / "points.js").read_text()
    page = tmp_path / "page.html"
    page.write_text(
        f"<!doctype html><meta charset='utf-8'><meta name='viewport' content='width="
        f"device-width'><body><article><h1>One</h1><div class='vsrnn-figure'>"
        f"{pages.inline(text, 'Two points.')}</div></article><script>{script}</script>"
    )
    visit(browser, page.as_uri(), size)
    told = "return document.querySelector('.vsrnn-tip').textContent"
    svg = browser.find_element("css selector", "svg")
    assert browser.execute_script(told) == ""
    for keys, name in (("\ue014", "first"), ("\ue014", "second"), ("\ue012", "first")):
        svg.send_keys(keys)  # arrows to the right and left
        assert browser.execute_script(told).startswith(f"name: {name}\n")
    svg.send_keys("\ue00c")  # Escape
    assert browser.execute_script(told) == ""
    browser.execute_script("""
      const {x, y, width} = document.querySelectorAll("use[style*=fill]")[1]
        .getBoundingClientRect();
      document.querySelector("svg").dispatchEvent(new PointerEvent("pointerdown",
        {clientX: x + width + 3, clientY: y}));""")
    assert browser.execute_script(told) == "name: second\nx: 2\ny: 4"


def test_mathematics_is_on_the_notation_page(browser, server):
    assert visit(browser, f"{server}/book/notation.html", "phone")["rendered"] > 5


def test_first_page_is_reached_from_the_top(browser, server):
    visit(browser, f"{server}/", "desktop")
    assert browser.current_url == f"{server}/{TOC['root']}.html"


@pytest.mark.parametrize("way", ["http", "file"])
def test_search_finds_a_word(browser, server, book, way):
    base = server if way == "http" else book.as_uri()
    visit(browser, f"{base}/search.html?q=density", "phone")
    script = "return document.querySelectorAll('#search-results li a').length"
    from selenium.webdriver.support.ui import WebDriverWait

    assert WebDriverWait(browser, 20).until(lambda b: b.execute_script(script)) > 0
    assert not troubles(browser, base if way == "http" else "file://")
