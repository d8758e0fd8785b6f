#!/usr/bin/env python3
"""The search page in a headless Chromium, against a daemon with everything real: `make test-page`.

    page_test.py BIN [--pictures FOLDER] [--footage FOLDER]

BIN is the folder of the built programs. --pictures writes screenshots there, of the videos in --footage if that is given.
Needs chromium and ffmpeg, and Python's own library.
"""

import argparse
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

from browser import Browser, find_program

HERE = pathlib.Path(__file__).resolve().parent
AUDIT = (HERE / "audit.js").read_text()
# What would run as a script, if a name ever became markup.
HOSTILE = ["<img src=x onerror=window.hacked=1>.mp4", "\"><script>window.hacked=1<.mp4", "a&lt;b&amp;'`${window.hacked=1}.mp4"]
# A line of subtitles that would be markup of HTML.
SAID = "x < y && z > \"lighthouse\" &amp; <script>window.hacked=1</script> keepers"
checks = 0


def check(is_so, what):
    global checks
    checks += 1
    if not is_so:
        raise AssertionError(what)


def make_footage(folder):
    """Small videos of ffmpeg's own test pictures; one that no browser plays."""
    def ffmpeg(*arguments):
        subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-y", *map(str, arguments)], check=True)

    scenes = ["testsrc2", "smptehdbars", "rgbtestsrc", "mandelbrot"]
    graph = ";".join(f"{name}=size=320x180:rate=25,trim=duration=5,setsar=1,format=yuv420p[s{place}]" for place, name in enumerate(scenes))
    graph += ";" + "".join(f"[s{place}]" for place in range(len(scenes))) + f"concat=n={len(scenes)}"
    h264 = ["-c:v", "libx264", "-preset", "ultrafast", "-movflags", "+faststart"]
    ffmpeg("-f", "lavfi", "-i", graph, *h264, folder / "scenes.mp4")
    (folder / "scenes.srt").write_text(f"1\n00:00:06,000 --> 00:00:08,000\n{SAID}\n", encoding="utf-8")
    ffmpeg("-f", "lavfi", "-i", "smptebars=size=320x180:rate=25:duration=4", "-c:v", "mpeg4", folder / "old.avi")
    for place, name in enumerate(HOSTILE):
        ffmpeg("-f", "lavfi", "-i", f"testsrc=size=320x180:rate=25:duration={3 + place}", *h264, folder / f"{place}.mp4")
        (folder / f"{place}.mp4").rename(folder / name)
    (folder / "broken.mp4").write_bytes(b"no video at all")


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Daemon:
    def __init__(self, programs, home, footage, settings={}):
        self.program = programs / "saccade"
        self.state = home / "state"
        self.log = open(home / "daemon.log", "ab")
        self.footage = footage
        self.port = free_port()
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith(("SACCADE_", "XDG_"))}
        self.environment |= {"HOME": str(home), "SACCADE_HTTP_PAGE_PORT": str(self.port), "SACCADE_INGEST_SETTLE_SECONDS": "0.1", "SACCADE_INGEST_ON_BATTERY": "true"} | settings
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            [self.program, "serve", "--state", self.state, "--root", self.footage], env=self.environment, stdin=subprocess.DEVNULL,
            stdout=self.log, stderr=self.log)
        for _ in range(600):
            if self.run("status", check=False).returncode == 0:
                return
            if self.process.poll() is not None:
                break
            time.sleep(0.1)
        sys.exit(f"the daemon did not start: see {self.log.name}")

    def run(self, *arguments, check=True):
        return subprocess.run(
            [self.program, *arguments, "--state", self.state], env=self.environment, stdin=subprocess.DEVNULL, capture_output=True,
            text=True, check=check)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()


def audit(browser, what):
    for scheme in ("light", "dark"):
        browser.scheme(scheme)
        for width, height in ((1280, 800), (360, 740)):
            browser.size(width, height)
            findings = browser.run(AUDIT)
            check(not findings, f"{what}, {scheme}, {width} px: {findings}")
    browser.scheme("light")
    browser.size(1280, 800)
    roles = {"button", "textbox", "searchbox", "combobox", "link", "dialog", "Date", "img", "image", "list", "group", "progressbar"}
    for node in browser.send("Accessibility.getFullAXTree")["nodes"]:
        role = node.get("role", {}).get("value")
        if node.get("ignored") or role not in roles - {"list", "group", "image", "img"}:
            continue
        check(node.get("name", {}).get("value", "").strip(), f"{what}: a {role} without a name: {json.dumps(node)[:300]}")


def search(browser, text):
    """Types a query, and waits until its order has settled: the address has the whole query as soon as it is searched for."""
    browser.run("document.querySelector('#query').value = ''; document.querySelector('#state').textContent = ''; document.querySelector('#query').focus()")
    browser.type(text)
    browser.wait(
        f"new URLSearchParams(location.search).get('q') === {json.dumps(text)}"
        " && /searched in .*ms( · \\d+ re-ranked)?$/.test(document.querySelector('#state').textContent)", f"an answer to {text}")


def test_letting_in(browser, daemon):
    address = daemon.run("open", "--print").stdout.strip()
    browser.go(f"http://127.0.0.1:{daemon.port}/")
    browser.wait("/saccade open/.test(document.querySelector('#notice').textContent)", "advice for who was not let in")
    browser.errors = [error for error in browser.errors if "401" not in error]
    browser.go(address)
    browser.wait(f"location.href === 'http://127.0.0.1:{daemon.port}/'", "the page after the key")
    cookies = browser.send("Network.getCookies")["cookies"]
    check(len(cookies) == 1 and cookies[0]["httpOnly"] and cookies[0]["sameSite"] == "Strict", f"the cookie: {cookies}")
    check(browser.run("document.cookie") == "", "scripts see no cookie")
    browser.wait("document.activeElement.id === 'query'", "the focus is in the query")
    audit(browser, "the empty page")


def test_search(browser, daemon):
    browser.run("""
        window.firstResult = new Promise((resolve) => {
            let begin;
            document.querySelector('#query').addEventListener('input', () => { begin = performance.now(); });
            new MutationObserver(() => {
                if (document.querySelector('#results li')) requestAnimationFrame(() => resolve(performance.now() - begin));
            }).observe(document.querySelector('#results'), { childList: true });
        }); 1""")
    search(browser, "colorful stripes")
    first = browser.run("window.firstResult")
    print(f"  first results painted {first:.0f} ms after the last key, of which 120 ms are the pause for more keys")
    check(browser.run("document.querySelectorAll('#results .card').length") >= 4, "cards")
    check(browser.run("new URLSearchParams(location.search).get('q')") == "colorful stripes", "the query is in the address")
    browser.wait("[...document.querySelectorAll('.picture img')].slice(0, 4).every((image) => image.complete && image.naturalWidth > 0)", "thumbnails")
    audit(browser, "results")


def test_folding(browser, daemon):
    """Copies of one test picture are one result until they are asked for."""
    search(browser, "colorful stripes")
    folded = browser.run("document.querySelectorAll('.card').length")
    label = browser.run("document.querySelector('.unfold:not([hidden])').textContent")
    check(label.startswith("+") and label.endswith(" similar"), f"how many are folded: {label}")
    browser.run("document.querySelectorAll('.unfold:not([hidden])').forEach((button) => button.click())")
    shown = browser.run("document.querySelectorAll('.card').length")
    check(shown >= folded + len(HOSTILE) - 1, f"they are shown after what they were folded into: {folded}, {shown}")
    check(browser.run("document.querySelector('.unfold[aria-expanded=true]').textContent") == "Hide similar", "and can be hidden again")
    audit(browser, "unfolded results")


def test_like(browser, daemon):
    search(browser, "colorful stripes -mandelbrot")
    clip = browser.run("document.querySelector('.picture img').src.match(/clips\\/(\\d+)/)[1]")
    browser.click(".like")
    browser.wait(f"new URLSearchParams(location.search).get('like') === '{clip}' && /searched in/.test(document.querySelector('#state').textContent)",
                 "what is like it is looked for, and the address says so")
    check(not browser.run(f"[...document.querySelectorAll('.picture img')].some((image) => image.src.includes('clips/{clip}/'))"), "but it isn't itself a result")
    check(browser.run("document.querySelector('#like').textContent").startswith("Like 0:"), "the page says what is meant")
    audit(browser, "more like this")
    here = browser.run("location.href")
    browser.go(here)
    browser.wait("document.querySelector('#like').textContent.startsWith('Like 0:') && document.querySelectorAll('.card').length > 0", "the address leads back to it")
    browser.click("#like button")
    browser.wait("document.querySelector('#like').hidden && !location.search.includes('like=')", "it can be taken away")


def test_names(browser, daemon):
    names = browser.run("[...document.querySelectorAll('.name')].map((name) => name.textContent)")
    for name in HOSTILE:
        check(name in names, f"{name} is shown as it is: {names}")
    check(browser.run("window.hacked === undefined"), "no name runs as a script")
    check(browser.run("document.querySelectorAll('#results script, #results [onerror]').length") == 0, "no name becomes an element")
    violation = browser.run("""(async () => {
        const seen = new Promise((resolve) => addEventListener('securitypolicyviolation', (event) => resolve(event.effectiveDirective)));
        try { document.body.insertAdjacentHTML('beforeend', '<b>x</b>'); } catch { return 'require-trusted-types-for'; }
        return seen;
    })()""")
    check(violation == "require-trusted-types-for", f"text can't become markup: {violation}")
    browser.errors = [error for error in browser.errors if "TrustedHTML" not in error and "trusted" not in error.lower()]


def test_keyboard(browser, daemon):
    browser.run("document.activeElement.blur()")
    browser.press("/")
    check(browser.run("document.activeElement.id") == "query", "/ leads to the query")
    check(browser.run("document.querySelector('#query').value") == "colorful stripes", "/ is not typed")
    browser.press("ArrowDown")
    focused = "[...document.querySelectorAll('.card')].indexOf(document.activeElement)"
    check(browser.run(focused) == 0, "the arrow leads to the first result")
    browser.press("ArrowRight")
    browser.press("ArrowRight")
    check(browser.run(focused) == 2, "arrows lead on")
    browser.press("ArrowLeft")
    browser.press("ArrowDown")
    columns = browser.run("getComputedStyle(document.querySelector('#results')).gridTemplateColumns.split(' ').length")
    check(browser.run(focused) == 1 + columns, "down is the next row")
    browser.press("ArrowUp")
    browser.press("ArrowUp")
    check(browser.run("document.activeElement.id") == "query", "up from the first row is the query")
    browser.press("ArrowDown")
    browser.press("End")
    check(browser.run(focused) == browser.run("document.querySelectorAll('.card').length") - 1, "End is the last")
    browser.press("Home")
    check(browser.run("document.querySelectorAll('.card[tabindex=\"0\"]').length") == 1, "one result is in the order of Tab")
    browser.press("Enter")
    browser.wait("document.querySelector('#player').open", "Enter opens the player")
    check(browser.run("new URLSearchParams(location.search).get('play')"), "the moment is in the address")
    title = browser.run("document.querySelector('#player-title').textContent")
    browser.press("ArrowRight")
    check(browser.run("document.querySelector('#player-title').textContent") != title, "the arrow leads to the next result")
    browser.press("Escape")
    browser.wait("!document.querySelector('#player').open", "Esc closes the player")
    check(browser.run(focused) == 1, "the focus is on the result that was played last")
    check(browser.run("new URLSearchParams(location.search).get('play')") is None, "the moment left the address")
    browser.press("Escape")
    check(browser.run("document.activeElement.id") == "query", "Esc leads to the query")


def card_of(browser, name):
    place = browser.run(f"[...document.querySelectorAll('.name')].findIndex((name) => name.textContent === {json.dumps(name)}) + 1")
    check(place > 0, f"{name} is among the results")
    return f"#results li:nth-child({place}) .card"


def test_playing(browser, daemon):
    card = card_of(browser, "scenes.mp4")
    browser.run(f"document.querySelector({json.dumps(card)}).scrollIntoView({{block: 'center'}})")
    browser.hover(card)
    browser.wait(f"document.querySelector({json.dumps(card + ' video')})?.currentTime > 0", "the moment plays under the pointer")
    browser.hover("#query")
    browser.wait("!document.querySelector('.card video')", "it stops when the pointer leaves")
    start = browser.run(f"""document.querySelector({json.dumps(card + ' .time')}).textContent.split('–')[0].split(':').reduce((sum, part) => 60 * sum + Number(part), 0)""")
    browser.click(card)
    browser.wait("document.querySelector('#stage video')?.readyState >= 2", "the video plays")
    check(browser.run("document.querySelector('#stage video').currentTime") >= start - 0.1, "it begins at the moment")
    browser.wait("document.querySelectorAll('#time-bar button').length === 4", "all moments of the video are on the bar")
    check(browser.run("document.querySelectorAll('#time-bar [aria-current]').length") == 1, "one of them is current")
    marks = browser.run("[...document.querySelectorAll('#time-bar button')].map((mark) => parseFloat(mark.style.left))")
    check(marks == sorted(marks) and marks[-1] > 60, f"in order of time: {marks}")
    audit(browser, "the player")
    browser.click("#time-bar button:nth-child(4)")
    browser.wait("document.querySelector('#stage video').currentTime >= 14.5", "a mark leads there")
    here = browser.run("location.href")
    browser.go("about:blank")
    browser.go(here)
    browser.wait("document.querySelector('#player').open && document.querySelector('#stage video')?.readyState >= 2", "the address leads back to the moment")
    browser.press("Escape")
    browser.wait("document.querySelectorAll('.card').length >= 5", "and to the results")
    browser.click(card_of(browser, "old.avi"))
    browser.wait("!document.querySelector('#unplayable').hidden", "a file that the browser can't play is said to be one")
    browser.wait("document.querySelector('#stage video[data-preview]')?.currentTime > 0.2", "a preview of it is played")
    check(browser.run("document.querySelector('#stage video').videoWidth") == 320, "in its size")
    browser.press("Escape")
    media = json.loads(daemon.run("search", "colorful stripes", "--json").stdout)["results"][0]["media"]["id"]
    answer = browser.run(f"fetch('v1/media/{media}/file', {{headers: {{Range: 'bytes=0-9'}}}}).then(async (a) => [a.status, (await a.arrayBuffer()).byteLength])")
    check(answer == [206, 10], f"a range of a file: {answer}")


def test_filters(browser, daemon):
    browser.click("#filter-editor summary")
    browser.run("{ const min = document.querySelector('#min'); min.value = '10'; min.dispatchEvent(new Event('input', {bubbles: true})); }")
    browser.wait("new URLSearchParams(location.search).get('min') === '10'", "the filter is in the address")
    browser.wait("[...document.querySelectorAll('.name')].every((name) => name.textContent === 'scenes.mp4')", "only what passes is shown")
    audit(browser, "the filters")
    browser.press("Escape")
    check(not browser.run("document.querySelector('#filter-editor').open"), "Esc closes the editor")
    here = browser.run("location.href")
    browser.go(here)
    browser.wait("document.querySelectorAll('#chips button').length === 1 && document.querySelectorAll('.card').length > 0 && [...document.querySelectorAll('.name')].every((name) => name.textContent === 'scenes.mp4')", "the address leads back to the filter")
    browser.click("#chips button")
    browser.wait("[...document.querySelectorAll('.name')].some((name) => name.textContent !== 'scenes.mp4') && !location.search.includes('min')", "a chip takes its filter away")
    browser.run("{ const folder = document.querySelector('#folder'); folder.value = '/nowhere/'; folder.dispatchEvent(new Event('input', {bubbles: true})); }")
    browser.wait("/No clip passes/.test(document.querySelector('#notice').textContent)", "filters that nothing passes are told")
    browser.click("#chips button")
    browser.wait("[...document.querySelectorAll('.name')].some((name) => name.textContent !== 'scenes.mp4')", "results again")


def test_nothing_found(browser, daemon):
    """With an answer of a model that can tell, in place of the daemon's."""
    answer = json.loads(daemon.run("search", "colorful stripes", "--json").stdout) | {"final": True, "found": False}
    lines = json.dumps(answer | {"final": False}) + "\n" + json.dumps(answer) + "\n"

    def fulfill(method, values):
        if method == "Fetch.requestPaused":
            import base64
            browser.post("Fetch.fulfillRequest", requestId=values["requestId"], responseCode=200,
                         responseHeaders=[{"name": "Content-Type", "value": "application/x-ndjson"}],
                         body=base64.b64encode(lines.encode()).decode())

    browser.handlers.append(fulfill)
    browser.send("Fetch.enable", patterns=[{"urlPattern": "*/v1/search"}])
    browser.run("document.querySelector('#query').value = ''; document.querySelector('#query').focus()")
    browser.type("a zebra crossing")
    browser.wait("/Nothing looks like that/.test(document.querySelector('#notice').textContent)", "that nothing was found is told")
    check(browser.run("document.querySelectorAll('.card').length") == 0, "what is merely near is not shown")
    audit(browser, "nothing found")
    browser.run("document.querySelector('#show-nearest').focus()")
    browser.press("Enter")
    browser.wait("document.querySelectorAll('.card').length > 0", "the nearest are one press away")
    browser.send("Fetch.disable")
    browser.handlers.remove(fulfill)


def test_words(browser, daemon):
    """A line of subtitles, as it is said and as it is shown."""
    search(browser, '"lighthouse keepers"')
    browser.wait("/No subtitle, title or name has/.test(document.querySelector('#notice').textContent)", "that no text has these words is told")
    search(browser, '"keepers" lighthouse')
    check(browser.run("document.querySelectorAll('.card').length") == 1, "the text alone is asked")
    check(browser.run("document.querySelector('.card .time').textContent") == "0:05–0:10", "it is found in the clip at which it is said")
    line = browser.run("document.querySelector('.card .line').textContent")
    check("lighthouse" in line and "keepers" in line and "x < y" in line, f"the line is shown: {line}")
    check(browser.run("document.querySelector('.card .why').textContent").endswith("words"), "with why it was found")
    check("keepers" in browser.run("document.querySelector('.card').getAttribute('aria-label')"), "for those who hear it, too")
    check(browser.run("window.hacked === undefined && !document.querySelector('#results script')"), "no line runs as a script")
    audit(browser, "a line of text")
    browser.click(".card")
    browser.wait("/^Subtitle at 0:06: “x < y/.test(document.querySelector('#player-line').textContent)", "the player shows the line")
    audit(browser, "the player with a line")
    browser.press("Escape")
    browser.wait("!location.search.includes('play=') && document.activeElement.className === 'card'", "the focus goes back to the card")
    search(browser, "colorful stripes")
    check(browser.run("document.querySelectorAll('.card .line:not([hidden])').length") == 0, "lines leave with what they were found by")


def test_library(browser, daemon):
    browser.click("#open-library")
    browser.wait("document.querySelector('#library').open && document.querySelectorAll('#failures li').length === 1", "failures are listed")
    check(browser.run("/broken\\.mp4/.test(document.querySelector('#failures').textContent) && document.querySelector('#failures .reason').textContent.length > 10"), "with the reason")
    check(browser.run("document.querySelectorAll('#roots li').length") == 1, "the folder is listed")
    audit(browser, "the library")
    more = daemon.footage.parent / "more"
    more.mkdir(exist_ok=True)
    browser.run("document.querySelector('#root-path').focus()")
    browser.type("/nonexistent/folder")
    browser.press("Enter")
    browser.wait("document.querySelector('#library-message').textContent.length > 0", "a folder that isn't there is refused with a reason")
    check("is watched now" not in browser.run("document.querySelector('#library-message').textContent"), "and not added")
    browser.errors = [error for error in browser.errors if "400" not in error]
    browser.run("document.querySelector('#root-path').value = ''")
    browser.type(str(more))
    browser.press("Enter")
    browser.wait("document.querySelectorAll('#roots li').length === 2", "a folder is added")
    browser.click("#roots li:nth-child(2) button")
    browser.wait("/Files stay/.test(document.querySelector('#roots li:nth-child(2) button').textContent)", "it asks before it removes")
    browser.click("#roots li:nth-child(2) button")
    browser.wait("document.querySelectorAll('#roots li').length === 1", "and removes")
    browser.press("Escape")
    browser.wait("!document.querySelector('#library').open", "Esc closes the library")


def test_restart(browser, daemon):
    daemon.stop()
    browser.run("document.querySelector('#query').value = ''; document.querySelector('#query').focus()")
    browser.type("bars")
    browser.wait("/doesn't answer/.test(document.querySelector('#state').textContent)", "that the daemon is away is told")
    daemon.start()
    browser.wait("/searched in/.test(document.querySelector('#state').textContent) && [...document.querySelectorAll('.name')].some((name) => name.textContent !== 'scenes.mp4')",
                 "the search is made when it is back, and the browser still let in", 60)
    browser.errors = [error for error in browser.errors if "ERR_CONNECTION" not in error and "ERR_EMPTY_RESPONSE" not in error]


def test_quiet(browser, daemon):
    check(browser.errors == [], f"errors in the console: {browser.errors}")
    loaded = browser.run("performance.getEntriesByType('resource').map((entry) => new URL(entry.name).origin)")
    check(set(loaded) == {f"http://127.0.0.1:{daemon.port}"}, f"nothing comes from elsewhere: {set(loaded)}")


def take_pictures(browser, daemon, folder, query):
    for scheme in ("light", "dark"):
        browser.scheme(scheme)
        browser.size(1100, 720)
        for _ in range(2):
            search(browser, query)
            browser.wait("[...document.querySelectorAll('.picture img')].every((image) => image.complete && image.naturalWidth > 0)", "thumbnails")
        browser.run("document.activeElement.blur(); new Promise((resolve) => setTimeout(resolve, 400))")
        browser.picture(folder / ("page.webp" if scheme == "light" else "page-dark.webp"))
    browser.scheme("light")
    browser.click("#results li:nth-child(1) .card")
    browser.wait("document.querySelector('#stage video')?.readyState >= 2")
    browser.run("document.querySelector('#stage video').pause()")
    browser.run("new Promise((resolve) => setTimeout(resolve, 800))")
    browser.picture(folder / "page-player.webp")
    browser.press("Escape")


TESTS = [
    test_letting_in, test_search, test_folding, test_names, test_keyboard, test_playing, test_filters, test_nothing_found, test_words, test_like,
    test_library, test_restart, test_quiet,
]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("programs", type=pathlib.Path)
    parser.add_argument("--pictures", type=pathlib.Path)
    parser.add_argument("--footage", type=pathlib.Path)
    parser.add_argument("--query", default="a cup of coffee on a table")
    arguments = parser.parse_args()
    chromium = find_program()
    if not chromium or not shutil.which("ffmpeg"):
        sys.exit("These tests need the Debian packages chromium and ffmpeg: apt-get install chromium ffmpeg")
    home = pathlib.Path(tempfile.mkdtemp(prefix="saccade-page-"))
    footage = arguments.footage.resolve() if arguments.footage else home / "footage"
    browser = daemon = None
    try:
        if not arguments.footage:
            footage.mkdir()
            make_footage(footage)
        daemon = Daemon(arguments.programs.resolve(), home, footage)
        daemon.run("status", "--wait")
        browser = Browser(chromium)
        browser.size(1280, 800)
        if arguments.pictures:
            arguments.pictures.mkdir(parents=True, exist_ok=True)
            browser.go(daemon.run("open", "--print").stdout.strip())
            browser.wait("document.querySelector('#query') !== null", "the page")
            take_pictures(browser, daemon, arguments.pictures, arguments.query)
            return
        failed = 0
        for test in TESTS:
            try:
                test(browser, daemon)
                print(f"ok    {test.__name__}")
            except (AssertionError, RuntimeError) as error:
                failed += 1
                print(f"WRONG {test.__name__}: {error}")
        print(f"{checks} checks")
        print(f"{len(TESTS) - failed} passed, {failed} failed")
        sys.exit(1 if failed else 0)
    finally:
        if browser:
            browser.close()
        if daemon:
            daemon.process.kill()
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main()
