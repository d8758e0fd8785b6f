#!/usr/bin/env python3
"""Ends the daemon and its workers again and again, and fails what they do to their files: `make crash-test`.

    crash_test.py BIN [--kills 500] [--faults 1] [--seed N] [--footage FOLDER]

BIN is the folder of the built programs. A library is indexed undisturbed. Then, until there were so many kills, the same folder is indexed by
a daemon of which SIGKILL ends the whole, a worker, or both, at random moments, under queries; each time it has come to an end, its index must
equal the undisturbed one's, clip for clip. Then `saccade index` is ended before, and fails at, the n-th write, synchronisation, opening and
mapping of a file in its state folder, for each n of a run (every F-th with --faults F; 0 leaves this out); after each, the databases must be sound,
and another run must end with the same index. Needs ffmpeg and a C compiler.
"""

import argparse
import collections
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import sqlite3
import struct
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
SCENES = ["testsrc2", "smptehdbars", "rgbtestsrc", "mandelbrot", "testsrc", "smptebars"]
# Ordinal, start, end, shot, vector, rerank features.
CLIP_COLUMNS = 6
CALLS = ("write", "sync", "open", "map")


def make_footage(folder, count):
    """Videos of one to four shots, each like no other."""
    for number in range(count):
        shots = [SCENES[(number + place) % len(SCENES)] for place in range(1 + number % 4)]
        graph = ";".join(
            f"{name}=size=192x144:rate=10,trim=duration={2 + (number + place) % 5},hue=h={13 * number},setsar=1,format=yuv420p[s{place}]"
            for place, name in enumerate(shots))
        graph += ";" + "".join(f"[s{place}]" for place in range(len(shots))) + f"concat=n={len(shots)}"
        subprocess.run(
            ["ffmpeg", "-v", "error", "-nostdin", "-y", "-f", "lavfi", "-i", graph, "-c:v", "libx264", "-preset", "ultrafast",
             folder / f"{number:03}.mp4"], check=True)
        (folder / f"{number:03}.srt").write_text(f"1\n00:00:00,500 --> 00:00:01,500\nspoken line number {number}\n")


def index_of(state):
    """What the index has: by file, its clips with their vectors and rerank features, and its lines of text."""
    catalog = sqlite3.connect(f"file:{state}/catalog.sqlite?mode=ro", uri=True)
    features = sqlite3.connect(f"file:{state}/memories.sqlite?mode=ro", uri=True)
    try:
        memories = dict(features.execute("SELECT clip_id, memory FROM memories"))
        found = collections.defaultdict(list)
        for path, clip, *row in catalog.execute(
                "SELECT path, clips.id, ordinal, start, end, shot, vector FROM files JOIN clips USING (media_id)"
                " JOIN embeddings ON clip_id = clips.id JOIN generations ON generations.id = clips.generation_id AND state = 'live'"
                " WHERE files.deleted_at IS NULL ORDER BY path, ordinal"):
            found[bytes(path)].append((*row, memories.get(clip)))
        for path, *row in catalog.execute(
                "SELECT files.path, lines.start, lines.end, text FROM files JOIN lines USING (media_id) WHERE files.deleted_at IS NULL"
                " ORDER BY files.path, lines.start, text"):
            found[bytes(path)].append(tuple(row))
        return dict(found)
    finally:
        catalog.close()
        features.close()


def differences(state, expected):
    """What is wrong with a state folder that nobody has open."""
    wrong = []
    for name in ("catalog.sqlite", "memories.sqlite"):
        database = sqlite3.connect(state / name)
        check = database.execute("PRAGMA integrity_check").fetchone()[0]
        if check != "ok":
            wrong.append(f"{name}: {check}")
        database.close()
    if not wrong and expected is not None:
        found = index_of(state)
        for path in sorted(expected.keys() | found.keys()):
            here, there = found.get(path, []), expected.get(path, [])
            if len(here) != len(there):
                wrong.append(f"{path.decode()}: {len(here)} clips and lines instead of {len(there)}")
            elif not all(map(is_same, here, there)):
                wrong.append(f"{path.decode()}: other clips or lines")
    return wrong


def is_same(row, other):
    """Whether two clips or lines are the same. Which frames are computed together changes the last bits of what comes out."""
    if len(row) != CLIP_COLUMNS or len(other) != CLIP_COLUMNS:
        return row == other
    (*place, vector, features), (*other_place, other_vector, other_features) = row, other
    if place != other_place or len(vector) != len(other_vector) or len(features or b"") != len(other_features or b""):
        return False
    distance = max(abs(x - y) for (x,), (y,) in zip(struct.iter_unpack("<f", vector), struct.iter_unpack("<f", other_vector)))
    changed = sum(x != y for x, y in zip(features or b"", other_features or b""))
    return distance < 1e-6 and changed <= 0.001 * len(features or b"")


class Program:
    def __init__(self, programs, home, footage):
        self.program = programs / "saccade"
        self.footage = footage
        self.log = open(home / "log", "ab")
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith(("SACCADE_", "XDG_"))}
        self.environment |= {"HOME": str(home), "SACCADE_INGEST_SETTLE_SECONDS": "0"}

    def index(self, state, faults={}):
        return subprocess.run(
            [self.program, "index", self.footage, "--state", state], env=self.environment | faults, stdin=subprocess.DEVNULL, stdout=self.log,
            stderr=self.log, timeout=600).returncode

    def serve(self, state):
        return subprocess.Popen(
            [self.program, "serve", "--state", state, "--root", self.footage], env=self.environment, stdin=subprocess.DEVNULL,
            stdout=self.log, stderr=self.log)


def ask(state, method, path, body=None):
    """An answer of the daemon; nil when it gives none."""
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(10)
            connection.connect(str(state / "saccade.sock"))
            content = json.dumps(body).encode() if body is not None else b""
            connection.sendall(
                f"{method} {path} HTTP/1.1\r\nHost: saccade\r\nConnection: close\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(content)}\r\n\r\n".encode() + content)
            answer = b"".join(iter(lambda: connection.recv(1 << 16), b""))
        head, _, content = answer.partition(b"\r\n\r\n")
        if b"chunked" in head.lower():
            content = content[content.index(b"\r\n") + 2:content.rindex(b"\r\n0\r\n")]
        return json.loads(content)
    except (OSError, ValueError):
        return None


def workers(process):
    """The processes that a daemon has started."""
    found = []
    for task in pathlib.Path(f"/proc/{process.pid}/task").glob("*/children"):
        try:
            found += map(int, task.read_text().split())
        except OSError:
            continue
    return found


def end(process, victims, chance):
    """SIGKILL for the daemon, one of its workers, or both; whether the daemon is gone."""
    kind = chance.choice(["daemon", "daemon", "worker", "both"])
    children = workers(process)
    if kind != "worker" or not children:
        kind = "daemon" if not children else kind
        process.kill()
    if kind != "daemon":
        for child in children if kind == "both" else [chance.choice(children)]:
            try:
                os.kill(child, signal.SIGKILL)
            except ProcessLookupError:
                pass
    victims[kind] += 1
    if kind != "worker":
        process.wait()
    return kind != "worker"


def is_idle(state):
    status = ask(state, "GET", "/v1/status")
    if not status or not status["watcher"].get("last_scan_at"):
        return False
    media = status["media"]
    return media["total"] > 0 and media["indexed"] == media["total"] and status["queue"]["retrying"] == 0


def serve_to_the_end(program, state):
    process = program.serve(state)
    while process.poll() is None and not is_idle(state):
        time.sleep(0.05)
    return stop(process) or program.index(state)


def stop(process):
    """Text is read after the clips: who stops a daemon runs `saccade index` then, which ends with all of it."""
    process.send_signal(signal.SIGTERM)
    return process.wait()


def kill_often(program, home, expected, count, chance):
    state = home / "killed"
    victims = collections.Counter()
    rounds = answers = 0
    wrong = []
    process = None
    asking = threading.Event()

    def query():
        nonlocal answers
        while not asking.wait(0.02):
            if ask(state, "POST", "/v1/search", {"query": "colourful stripes", "limit": 3}):
                answers += 1

    thread = threading.Thread(target=query, daemon=True)
    thread.start()
    begun = time.monotonic()
    while True:
        process = process or program.serve(state)
        # From before the databases are open to long after the first clips are written; once enough were killed, none.
        deadline = time.monotonic() + (chance.expovariate(1 / 0.7) if victims.total() < count else 600)
        while time.monotonic() < deadline and process.poll() is None and not is_idle(state):
            time.sleep(0.01)
        if process.poll() is not None:
            wrong.append(f"the daemon ended by itself with {process.returncode}")
            process = None
            if len(wrong) > 5:
                break
        elif is_idle(state):
            stop(process)
            process = None
            rounds += 1
            program.index(state)
            wrong += differences(state, expected)
            if victims.total() >= count:
                break
            shutil.rmtree(state)
        elif time.monotonic() < deadline:
            continue
        elif victims.total() < count:
            if end(process, victims, chance):
                process = None
            if victims.total() % 50 == 0:
                print(f"  {victims.total()} kills, {time.monotonic() - begun:.0f} s", flush=True)
        else:
            wrong.append("the daemon came to no end in ten minutes")
            process.kill()
            process.wait()
            break
    asking.set()
    thread.join()
    kinds = ", ".join(f"{victims[kind]} of {name}" for kind, name in (("daemon", "the daemon"), ("worker", "a worker"), ("both", "both")))
    print(f"{victims.total()} kills ({kinds}) in {rounds} libraries, {answers} searches answered meanwhile: {len(wrong)} differences")
    return wrong


def fault_everywhere(program, home, expected, step):
    shim = home / "faults.so"
    compiler = next(name for name in ("cc", "clang", "gcc") if shutil.which(name))
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", shim, HERE / "faults.c", "-ldl"], check=True)
    wrong = []
    for call in CALLS:
        for action in ("kill", "fail"):
            if action == "kill" and call in ("open", "map"):
                continue
            state = home / "faulty"

            def run(number):
                faults = {
                    "LD_PRELOAD": str(shim), "SACCADE_FAULT_FOLDER": str(state), "SACCADE_FAULT_CALL": call, "SACCADE_FAULT_NUMBER": str(number),
                    "SACCADE_FAULT_ACTION": action, "SACCADE_FAULT_COUNT": str(home / "count")}
                shutil.rmtree(state, ignore_errors=True)
                return program.index(state, faults)

            if run(0) != 0:
                wrong.append(f"{call}: an undisturbed run failed")
                continue
            total = int((home / "count").read_text())
            tried = before = 0
            for number in range(1, total + 1, step):
                status = run(number)
                tried += 1
                what = f"{call} {number} of {total}, {action}"
                if action == "fail" and status < 0:
                    wrong.append(f"{what}: ended by signal {-status}")
                if not (state / "catalog.sqlite").exists() or not (state / "memories.sqlite").exists():
                    before += 1
                elif status != 0:
                    wrong += [f"{what}: {difference}" for difference in differences(state, None)]
                again = program.index(state)
                if again != 0:
                    wrong.append(f"{what}: the next run ended with {again}")
                wrong += [f"{what}, after the next run: {difference}" for difference in differences(state, expected)]
            print(f"{call}, {action}: {tried} of {total} places, {before} of them before both databases were there: {len(wrong)} differences so far", flush=True)
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("programs", type=pathlib.Path)
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--faults", type=int, default=1)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    parser.add_argument("--footage", type=pathlib.Path)
    arguments = parser.parse_args()
    if not shutil.which("ffmpeg"):
        sys.exit("This needs the Debian package ffmpeg: apt-get install ffmpeg")
    print(f"seed {arguments.seed}")
    chance = random.Random(arguments.seed)
    home = pathlib.Path(tempfile.mkdtemp(prefix="saccade-crash-"))
    wrong = []
    try:
        for folder, count in (("many", 30), ("few", 3)):
            footage = home / folder
            if folder == "many" and arguments.footage:
                footage = arguments.footage.resolve()
            else:
                footage.mkdir()
                make_footage(footage, count)
            program = Program(arguments.programs.resolve(), home, footage)
            reference = home / f"reference-{folder}"
            if (serve_to_the_end(program, reference) if folder == "many" else program.index(reference)) != 0:
                sys.exit(f"an undisturbed run failed: {(home / 'log').read_text()[-2000:]}")
            expected = index_of(reference)
            print(f"undisturbed: {len(expected)} files, {sum(map(len, expected.values()))} clips and lines", flush=True)
            if folder == "many":
                wrong += kill_often(program, home, expected, arguments.kills, chance)
            elif arguments.faults:
                wrong += fault_everywhere(program, home, expected, arguments.faults)
    finally:
        if wrong:
            print(f"left as it is for a look: {home}")
        else:
            shutil.rmtree(home, ignore_errors=True)
    for difference in wrong[:40]:
        print(f"WRONG {difference}")
    print(f"{len(wrong)} differences")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
