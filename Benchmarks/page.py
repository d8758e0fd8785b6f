#!/usr/bin/env python3
"""How soon the search page shows results, in a headless Chromium, over a library of many clips.

    page.py BIN FOOTAGE QUERIES [--clips 100000]

BIN is the folder of the built programs, FOOTAGE a folder of videos that are indexed and then multiplied (grow.py), QUERIES a file with a
query a line. For each, from the press of Enter: until the first results are painted, and until the order has settled after re-ranking.
Each is asked twice; the second time the daemon has its vector. The same requests without a browser say how much of it is the daemon's
own: until the first and the last line of its answer. Needs chromium, ffmpeg and NumPy.
"""

import argparse
import hashlib
import json
import os
import pathlib
import shutil
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "Tests" / "Page"))
from browser import Browser, find_program
from grow import grow
from page_test import Daemon

# Queries asked first, and not counted.
WARM_UP = 3
# Milliseconds from the key to the first frame that has results of this query, and to the first that has the settled order.
WATCH = r"""(() => {
    const state = document.querySelector('#state');
    let begin, first;
    window.measured = null;
    addEventListener('keydown', () => { begin = performance.now(); state.textContent = ''; }, { once: true, capture: true });
    // The page draws results and this line together; a task after a frame's callbacks runs when the frame was painted.
    const watcher = new MutationObserver(() => {
        const isFirst = /searched in/i.test(state.textContent), isLast = isFirst && !/may still change/.test(state.textContent);
        if (isFirst) requestAnimationFrame(() => setTimeout(() => {
            first ??= performance.now() - begin;
            if (!isLast) return;
            watcher.disconnect();
            const depth = /(\d+) re-ranked/.exec(state.textContent);
            window.measured = [first, performance.now() - begin, depth ? Number(depth[1]) : 0];
        }));
    });
    watcher.observe(state, { childList: true, characterData: true, subtree: true });
})()"""


def give_pictures(state, footage):
    """A thumbnail for every clip, as ingest and earlier visits leave them on disk: frames of the footage, each under many names."""
    folder = state / "thumbnails"
    folder.mkdir(exist_ok=True)
    frames = []
    for video in sorted(footage.iterdir()):
        frame = folder / f"{len(frames)}.jpg"
        subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-i", video, "-vf", "scale=480:-2", "-frames:v", "1", frame])
        if frame.exists():
            frames.append(frame)
    catalog = sqlite3.connect(state / "catalog.sqlite")
    rows = catalog.execute(
        "SELECT media.digest, media.size, clips.start, clips.end FROM clips JOIN media ON media.id = clips.media_id")
    for number, (digest, size, start, end) in enumerate(rows):
        # The name that Sources/Daemon/Thumbnails/ThumbnailStore.swift gives it.
        name = hashlib.sha256(digest + f"{size} {(start + end) / 2!r} 480".encode()).hexdigest()[:32]
        target = folder / f"{name}.jpg"
        if not target.exists():
            os.link(frames[number % len(frames)], target)


def ask(browser, query):
    browser.run("document.querySelector('#query').focus()")
    browser.run(WATCH)
    # Set rather than typed: typing alone would search already.
    browser.run(f"document.querySelector('#query').value = {json.dumps(query)}")
    browser.press("Enter")
    return browser.wait("window.measured", f"an answer to {query}", 20)


def ask_alone(daemon, query, parts):
    """Milliseconds until the first and the last line of the answer to what the page asks."""
    body = json.dumps({"query": query, "limit": 30, "filters": {}, "fold": True, "stream": True}).encode()
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(daemon.state / "saccade.sock"))
        begin = time.perf_counter()
        connection.sendall(
            b"POST /v1/search HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        received, first = b"", None
        while part := connection.recv(1 << 16):
            received += part
            if first is None and b'"results"' in received and received.endswith((b"\n", b"\r\n")):
                first = time.perf_counter()
        end = time.perf_counter()
    if first is None or b'"final":true' not in received:
        sys.exit(f"no answer to {query}: {received[:300]}")
    answer = json.loads(received[received.rindex(b'{"clips"'):received.rindex(b"}") + 1])
    parts.append(answer["timings"])
    return 1000 * (first - begin), 1000 * (end - begin), answer["reranked"]


def describe(name, times):
    times = sorted(times)
    at = lambda share: times[min(len(times) - 1, int(share * len(times)))]
    print(f"{name:>40}: median {statistics.median(times):.0f} ms, 95 % within {at(0.95):.0f}, most {times[-1]:.0f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("programs", type=pathlib.Path)
    parser.add_argument("footage", type=pathlib.Path)
    parser.add_argument("queries", type=pathlib.Path)
    parser.add_argument("--clips", type=int, default=100_000)
    arguments = parser.parse_args()
    chromium = find_program()
    if not chromium:
        sys.exit("This needs the Debian package chromium: apt-get install chromium")
    queries = [line for line in arguments.queries.read_text().splitlines() if line]
    home = pathlib.Path(tempfile.mkdtemp(prefix="saccade-page-"))
    browser = daemon = None
    try:
        program = arguments.programs.resolve() / "saccade"
        subprocess.run([program, "index", arguments.footage.resolve(), "--state", home / "state"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        clips = grow(home / "state", arguments.clips)
        give_pictures(home / "state", arguments.footage.resolve())
        daemon = Daemon(arguments.programs.resolve(), home, arguments.footage.resolve(), {"SACCADE_THUMBNAILS_DISK_BYTES": str(1 << 36)})
        print(f"{clips} clips, {len(queries) - WARM_UP} queries")
        browser = Browser(chromium)
        browser.size(1280, 800)
        browser.go(daemon.run("open", "--print").stdout.strip())
        browser.wait("document.activeElement?.id === 'query' && document.querySelector('#state').textContent", "the page")
        for query in queries[:WARM_UP]:
            ask(browser, query)
        parts = []
        for name, clock in (
                ("new queries", lambda query: ask(browser, query)), ("again", lambda query: ask(browser, query)),
                ("without a browser", lambda query: ask_alone(daemon, query, parts))):
            times = [clock(query) for query in queries[WARM_UP:]]
            describe(f"{name}, first results", [first for first, _, _ in times])
            for depth in sorted({depth for _, _, depth in times}):
                describe(f"{name}, {depth} re-ranked, settled", [settled for _, settled, found in times if found == depth])
        medians = {name: statistics.median(timings[name] for timings in parts) for name in parts[0]}
        print("of which: " + ", ".join(f"{name.removesuffix('_ms')} {value:.1f}" for name, value in medians.items()) + " ms")
    finally:
        if browser:
            browser.close()
        if daemon:
            daemon.process.kill()
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main()
