# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
"""The dashboard in a real browser, and its files over HTTP."""

import concurrent.futures

import pytest
import requests
from browser import Browser
from process import free_port
from records import Publisher
from schedules import Client
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from waiting import wait_for

TIMEOUT = 60


@pytest.fixture(scope="module")
def shared():
    browser = Browser()
    yield browser
    browser.close()


@pytest.fixture
def browser(shared):
    shared.size(1200, 900)
    shared.scheme("light")
    yield shared
    shared.driver.get("about:blank")
    shared.errors()


def add_product(stack, **fields):
    body = {"description": "Ink", "buying_price": "1.10", "selling_price": "2.50", **fields}
    answer = requests.post(f"{stack.products_url}/api/products", json=body,
                           headers={"Authorization": f"Bearer {stack.token}"}, timeout=TIMEOUT)
    assert answer.status_code == 201, answer.text
    return answer.json()


def add_record(stack, message):
    answer = requests.post(f"{stack.gateway_url}/api/records", json={"message": message},
                           headers={"Authorization": f"Bearer {stack.token}"}, timeout=TIMEOUT)
    assert answer.status_code == 201, answer.text
    return answer.json()


def state(browser):
    return browser.js("return document.getElementById('state').dataset.state")


def shows(browser, selector, text):
    return browser.js("return [...document.querySelectorAll(arguments[0])].some(e => e.textContent.includes(arguments[1]))",
                      selector, text)


def open_live(browser, stack):
    browser.driver.get(f"{stack.notifier_url}/")
    wait_for(lambda: state(browser) == "live")


def test_files(lonja):
    index = requests.get(f"{lonja.notifier_url}/", timeout=TIMEOUT)
    assert index.status_code == 200 and index.headers["Content-Type"] == "text/html; charset=utf-8"
    policy = index.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy and "http" not in policy
    again = requests.get(f"{lonja.notifier_url}/", headers={"If-None-Match": index.headers["ETag"]}, timeout=TIMEOUT)
    assert again.status_code == 304 and not again.content
    for path, kind in (("app.js", "text/javascript; charset=utf-8"), ("style.css", "text/css; charset=utf-8"),
                       ("icon.svg", "image/svg+xml")):
        assert requests.get(f"{lonja.notifier_url}/{path}", timeout=TIMEOUT).headers["Content-Type"] == kind
    for path in ("local.mk", "..%2Fconfigure.ac", "nothing.js", "api/dashboard/nothing"):
        assert requests.get(f"{lonja.notifier_url}/{path}", timeout=TIMEOUT).status_code == 404, path


def test_it_shows_what_happens(lonja, browser):
    open_live(browser, lonja)
    product = add_product(lonja, description="Ink <b>blue</b>")
    wait_for(lambda: shows(browser, "#feed li .text", f"Product {product['code']} was added"))
    wait_for(lambda: shows(browser, "#prices td", "Ink <b>blue</b>"))
    record = add_record(lonja, 'hola <i>"tú"</i>')
    sentence = (f'Se ingresó un registro mediante REST, con el mensaje "hola <i>"tú"</i>", '
                f'total de mensajes {record["total"]}')
    wait_for(lambda: shows(browser, "#feed li .text", sentence))
    wait_for(lambda: shows(browser, "#records .big", f"{record['total']:,}"))
    wait_for(lambda: shows(browser, "#health td", "schema"))
    wait_for(lambda: shows(browser, "#system td", "lonja.records.dead"))
    assert browser.js("return document.querySelectorAll('#feed b, #feed i, #prices b').length") == 0
    assert browser.errors() == []


def test_daemons_and_queues(make_lonja):
    """systemd and the broker are asked and nobody is woken; one look serves all who ask at once."""
    lonja = make_lonja()
    url = f"{lonja.notifier_url}/api/dashboard/system"
    look = lambda: requests.get(url, timeout=TIMEOUT).json()
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        first, *others = pool.map(lambda _: look(), range(8))
    assert all(o == first for o in others)
    assert first["broker"] == "up" and first["queues"] == []
    assert first["daemons"] is None or all(set(d) == {"name", "state"} for d in first["daemons"])
    assert lonja.daemon("gateway").state == "inactive"
    add_record(lonja, "declares the queues")
    publisher = Publisher(lonja)
    lonja.daemon("gateway").stop()
    publisher.publish("waits")
    waits = {"name": "lonja.records", "messages": 1, "consumers": 0}
    wait_for(lambda: waits in look()["queues"], what="the depth")
    assert "lonja.records.dead" in [q["name"] for q in look()["queues"]]
    assert lonja.daemon("gateway").state == "inactive"
    publisher.close()
    lonja.configure({"lonja": {"Broker": {"Uri": f"amqp://lonja@127.0.0.1:{free_port()}/lonja"}}})
    lonja.daemon("notifier").restart()
    assert look() == {**look(), "broker": "down", "queues": []}


def test_a_price_over_time(lonja, browser):
    product = add_product(lonja, selling_price="3.00")
    for price in ("4.50", "4.00"):
        requests.patch(f"{lonja.products_url}/api/products/{product['code']}", json={"selling_price": price},
                       headers={"Authorization": f"Bearer {lonja.token}", "Content-Type": "application/merge-patch+json"},
                       timeout=TIMEOUT).raise_for_status()
    open_live(browser, lonja)
    field = browser.driver.find_element(By.NAME, "code")
    field.send_keys(product["code"] + Keys.ENTER)
    wait_for(lambda: shows(browser, "#prices figcaption", f"{product['code']}: Ink, now 4.00"))
    label = browser.js("return document.querySelector('#prices svg').getAttribute('aria-label')")
    assert "3 prices" in label and "4.00" in label


def test_it_survives_a_restart(lonja, browser):
    open_live(browser, lonja)
    lonja.daemon("notifier").kill9()
    code = add_product(lonja)["code"]
    wait_for(lambda: shows(browser, "#feed li .text", code))
    wait_for(lambda: state(browser) == "live")
    offsets = browser.js("return [...document.querySelectorAll('#feed li')].map(e => Number(e.dataset.offset))")
    assert offsets == sorted(set(offsets), reverse=True)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_small_screen_and_both_schemes(lonja, browser, scheme):
    browser.size(360, 740)
    browser.scheme(scheme)
    add_product(lonja, code=f"{scheme}-{'W' * 50}", description="a_very_long_word" * 12)
    open_live(browser, lonja)
    wait_for(lambda: shows(browser, "#prices td", "a_very_long_word"))
    wait_for(lambda: shows(browser, "#health td", "schema"))
    assert browser.js("return document.documentElement.scrollWidth") <= 360
    colors = browser.js("""
        const brush = document.createElement('canvas').getContext('2d');
        const pixel = (layers) => {  // whatever the notation of a colour, and what shines through it
            for (const layer of ['white', ...layers]) { brush.fillStyle = layer; brush.fillRect(0, 0, 1, 1); }
            return Array.from(brush.getImageData(0, 0, 1, 1).data.slice(0, 3)); };
        const behind = (e) => e ? [...behind(e.parentElement), getComputedStyle(e).backgroundColor] : [];
        return [...document.querySelectorAll('h1, h2, p, td, th, button, time, .type, .text, .badge')]
            .filter(e => e.offsetParent && e.textContent.trim() && !e.closest('.skip'))
            .map(e => [e.textContent.trim().slice(0, 30), pixel([...behind(e), getComputedStyle(e).color]),
                       pixel(behind(e))]);""")
    assert colors
    for text, front, back in colors:
        assert contrast(front, back) >= 4.5, (text, front, back)
    assert (luminance(colors[0][2]) < 0.2) == (scheme == "dark")


def luminance(color):
    parts = [v / 255 for v in color]
    linear = [v / 12.92 if v <= 0.03928 else ((v + 0.055) / 1.055) ** 2.4 for v in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a, b):
    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_with_the_keyboard(lonja, browser):
    open_live(browser, lonja)
    seen = set()
    for _ in range(60):
        ActionChains(browser.driver).send_keys(Keys.TAB).perform()
        name, outline = browser.js("""
            const e = document.activeElement;
            return [e.id || e.className || e.name || e.textContent.trim(), getComputedStyle(e).outlineStyle];""")
        if name in ("", None) or browser.js("return document.activeElement === document.body"):
            break
        assert outline != "none", f"{name} does not show that it has the focus"
        seen.add(name)
        if name == "theme":
            ActionChains(browser.driver).send_keys(Keys.ENTER).perform()
            assert browser.js("return document.documentElement.dataset.theme") == "light"
        if name == "Pause":
            ActionChains(browser.driver).send_keys(Keys.SPACE).perform()
            assert browser.js("return document.activeElement.getAttribute('aria-pressed')") == "true"
            code = add_product(lonja)["code"]
            wait_for(lambda: browser.js("return document.activeElement.textContent") == "Go on (1)")
            assert not shows(browser, "#feed li .text", code)
            ActionChains(browser.driver).send_keys(Keys.SPACE).perform()
            wait_for(lambda: shows(browser, "#feed li .text", code))
    assert {"skip", "theme", "Pause", "code"} <= seen, seen
    browser.js("localStorage.clear()")


def test_a_session_where_one_is_needed(make_lonja, browser):
    lonja = make_lonja(config={"lonja": {"Auth": {"AnonymousRead": "no"}}})
    lonja.session("ana", "read", password="a long password")
    browser.driver.get(f"{lonja.notifier_url}/")
    wait_for(lambda: browser.js("return document.getElementById('login').open"))
    name = browser.driver.find_element(By.NAME, "username")
    password = browser.driver.find_element(By.NAME, "password")
    name.send_keys("ana")
    password.send_keys("wrong password" + Keys.ENTER)
    wait_for(lambda: browser.js("return document.querySelector('#login .problem').textContent"))
    password.clear()
    password.send_keys("a long password" + Keys.ENTER)
    wait_for(lambda: state(browser) == "live")
    code = add_product(lonja)["code"]
    wait_for(lambda: shows(browser, "#feed li .text", code))
    browser.js("sessionStorage.clear()")


def test_what_fired(lonja, browser):
    """A firing comes to the timeline without a reload: how late it was, how long it took, and what came of it."""
    add_product(lonja)
    client = Client(lonja)
    fields = {"task": "products.adjust_prices", "queue": "lonja.tasks.products", "every": "1h"}
    client.make("board-good", kwargs={"factor": "1"}, **fields)
    client.make("board-bad", kwargs={"factor": "a lot"}, **fields)
    open_live(browser, lonja)
    wait_for(lambda: shows(browser, "#schedules td", "board-good"))
    client("POST", "/board-good:run", 202)
    wait_for(lambda: shows(browser, "#schedules svg title", "board-good at "))
    client("POST", "/board-bad:run", 202)
    good = wait_for(lambda: client.firings("board-good", state="succeeded"))[0]
    bad = wait_for(lambda: client.firings("board-bad", state="failed"))[0]

    def title(name):
        return browser.js("""return [...document.querySelectorAll('#schedules svg title')]
            .map(e => e.textContent).find(t => t.startsWith(arguments[0]))""", f"{name} at ") or ""

    def span(ms):
        return f"{ms} ms" if ms < 10000 else f"{ms / 1000:.1f} s"

    wait_for(lambda: "succeeded" in title("board-good") and "failed" in title("board-bad"))
    assert f", {span(good['late_ms'])} late, took {span(good['duration_ms'])}: " in title("board-good")
    assert '"changed"' in title("board-good") and "/factor" in title("board-bad")
    marks = browser.js("return [...document.querySelectorAll('#schedules svg .axis')].map(e => e.firstChild.textContent)")
    assert "●" in marks and "✕" in marks
    rows = browser.js("""return [...document.querySelectorAll('#schedules tr')]
        .map(r => [...r.cells].map(c => c.textContent))""")
    mine = [r for r in rows if r[0] == "board-bad" and r[2] == "failed"]
    assert len(mine) == 1 and mine[0][3:5] == [span(bad["late_ms"]), span(bad["duration_ms"])]
    assert browser.errors() == []
    for name in ("board-good", "board-bad"):
        client("DELETE", f"/{name}", 204)
