#!/usr/bin/env python3
"""Ends the daemon and its workers again and again, and fails what they do to their files: `make crash-test`.

    crash_test.py BIN [--kills 500] [--faults N] [--beside 2] [--seed N] [--footage FOLDER]

BIN is the folder of the built programs. A library is indexed undisturbed. Then, until there were so many kills, the same folder is indexed by
daemons of which SIGKILL ends the whole, a worker, or both, at random moments, under queries; each time one has come to an end, its index must
equal the undisturbed one's, clip for clip. Then `saccade index` is ended before, and fails at, each write, synchronisation, opening and
mapping of a file in its state folder; with --faults N, at N of those with the same call stack, the first and the last among them (0 leaves this
out). After each, the databases must be sound, and another run must end with the same index. So many libraries as --beside says are made beside
each other. Needs ffmpeg and a C compiler.
"""

import argparse
import collections
import concurrent.futures
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


def make_footage(folder, count, most_shots):
    """Videos of some shots, each like no other."""
    for number in range(count):
        shots = [SCENES[(number + place) % len(SCENES)] for place in range(1 + number % most_shots)]
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


def end(process, chance):
    """SIGKILL for the daemon, one of its workers, or both: for which, and whether the daemon is gone."""
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
    if kind != "worker":
        process.wait()
    return kind, kind != "worker"


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


class Kills:
    """Daemons that are killed, each with a library of its own."""

    def __init__(self, program, home, expected, count, seed):
        self.program, self.home, self.expected, self.count, self.seed = program, home, expected, count, seed
        self.lock = threading.Lock()
        self.victims = collections.Counter()
        self.rounds = self.answers = 0
        self.begun = time.monotonic()

    def take(self):
        """Whether one kill more is wanted."""
        with self.lock:
            if self.victims.total() >= self.count:
                return False
            # Told apart when it has happened.
            self.victims["wanted"] += 1
            if self.victims.total() % 50 == 0:
                print(f"  {self.victims.total()} kills, {time.monotonic() - self.begun:.0f} s", flush=True)
            return True

    def happened(self, kind):
        with self.lock:
            self.victims["wanted"] -= 1
            self.victims[kind] += 1

    def run(self, number):
        """Kills the daemon of one library until there were enough in all; what is wrong."""
        chance = random.Random(self.seed + number)
        state = self.home / f"killed-{number}"
        asking = threading.Event()

        def query():
            while not asking.wait(0.02):
                if ask(state, "POST", "/v1/search", {"query": "colourful stripes", "limit": 3}):
                    with self.lock:
                        self.answers += 1

        thread = threading.Thread(target=query, daemon=True)
        thread.start()
        try:
            return self.kill_until_enough(state, chance)
        finally:
            asking.set()
            thread.join()

    def kill_until_enough(self, state, chance):
        wrong = []
        process = None
        while True:
            process = process or self.program.serve(state)
            # From before the databases are open to long after the first clips are written; once enough were killed, none.
            is_last = self.victims.total() >= self.count
            deadline = time.monotonic() + (600 if is_last else chance.expovariate(1 / 0.7))
            while time.monotonic() < deadline and process.poll() is None and not is_idle(state):
                time.sleep(0.01)
            if process.poll() is not None:
                wrong.append(f"the daemon ended by itself with {process.returncode}")
                process = None
                if len(wrong) > 5:
                    return wrong
            elif is_idle(state):
                stop(process)
                process = None
                self.program.index(state)
                wrong += differences(state, self.expected)
                with self.lock:
                    self.rounds += 1
                if is_last or wrong:
                    return wrong
                shutil.rmtree(state)
            elif is_last:
                process.kill()
                process.wait()
                return wrong + ["the daemon came to no end in ten minutes"]
            elif self.take():
                kind, is_gone = end(process, chance)
                self.happened(kind)
                if is_gone:
                    process = None


def kill_often(program, home, expected, arguments):
    kills = Kills(program, home, expected, arguments.kills, arguments.seed)
    with concurrent.futures.ThreadPoolExecutor(arguments.beside) as threads:
        wrong = sum(threads.map(kills.run, range(arguments.beside)), [])
    victims = kills.victims
    kinds = ", ".join(f"{victims[kind]} of {name}" for kind, name in (("daemon", "the daemon"), ("worker", "a worker"), ("both", "both")))
    print(
        f"{victims.total()} kills ({kinds}) in {kills.rounds} libraries, {kills.answers} searches answered meanwhile, "
        f"{time.monotonic() - kills.begun:.0f} s: {len(wrong)} differences", flush=True)
    return wrong


class Faults:
    """Runs of `saccade index` of which one call fails, or ends it."""

    def __init__(self, program, home, expected):
        self.program, self.home, self.expected = program, home, expected
        self.shim = home / "faults.so"
        compiler = next(name for name in ("cc", "clang", "gcc") if shutil.which(name))
        subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", self.shim, HERE / "faults.c", "-ldl"], check=True)

    def run(self, state, call, number, action, stacks):
        shutil.rmtree(state, ignore_errors=True)
        return self.program.index(state, {
            "LD_PRELOAD": str(self.shim), "SACCADE_FAULT_FOLDER": str(state), "SACCADE_FAULT_CALL": call, "SACCADE_FAULT_NUMBER": str(number),
            "SACCADE_FAULT_ACTION": action, "SACCADE_FAULT_STACKS": str(stacks)})

    def places(self, call, most):
        """Which calls of a run are tried, of how many; at most so many of those with the same call stack, evenly spread; all for none."""
        stacks = self.home / "stacks"
        if self.run(self.home / "faultless", call, 0, "fail", stacks) != 0:
            sys.exit(f"{call}: an undisturbed run failed: {(self.home / 'log').read_text()[-2000:]}")
        alike = collections.defaultdict(list)
        for number, stack in enumerate(stacks.read_text().split(), 1):
            alike[stack].append(number)
        chosen = set()
        for numbers in alike.values():
            count = len(numbers) if most is None else min(most, len(numbers))
            chosen |= {numbers[place * (len(numbers) - 1) // max(1, count - 1)] for place in range(count)}
        return sorted(chosen), sum(map(len, alike.values())), len(alike)

    def check(self, call, number, action):
        """What is wrong after one fault, and whether it came before both databases were there."""
        state = self.home / f"faulty-{threading.get_ident()}"
        status = self.run(state, call, number, action, self.home / f"stacks-{threading.get_ident()}")
        what = f"{call} {number}, {action}"
        wrong = []
        if action == "fail" and status < 0:
            wrong.append(f"{what}: ended by signal {-status}")
        is_early = not all((state / name).exists() for name in ("catalog.sqlite", "memories.sqlite"))
        if not is_early and status != 0:
            wrong += [f"{what}: {difference}" for difference in differences(state, None)]
        again = self.program.index(state)
        if again != 0:
            wrong.append(f"{what}: the next run ended with {again}")
        return wrong + [f"{what}, after the next run: {difference}" for difference in differences(state, self.expected)], is_early


def fault_everywhere(program, home, expected, arguments):
    faults = Faults(program, home, expected)
    wrong = []
    begun = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(arguments.beside) as threads:
        for call in CALLS:
            numbers, total, stacks = faults.places(call, arguments.faults)
            for action in ("fail",) if call in ("open", "map") else ("kill", "fail"):
                found = list(threads.map(lambda number: faults.check(call, number, action), numbers))
                wrong += sum((wrong for wrong, _ in found), [])
                print(
                    f"{call}, {action}: {len(numbers)} of {total} calls, of {stacks} call stacks, {sum(early for _, early in found)} of them before "
                    f"both databases were there, {time.monotonic() - begun:.0f} s: {len(wrong)} differences so far", flush=True)
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("programs", type=pathlib.Path)
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--faults", type=int, default=None)
    parser.add_argument("--beside", type=int, default=2)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    parser.add_argument("--footage", type=pathlib.Path)
    arguments = parser.parse_args()
    if not shutil.which("ffmpeg"):
        sys.exit("This needs the Debian package ffmpeg: apt-get install ffmpeg")
    print(f"seed {arguments.seed}")
    home = pathlib.Path(tempfile.mkdtemp(prefix="saccade-crash-"))
    wrong = []
    try:
        for folder, count, most_shots in (("many", 30, 4), ("few", 2, 2)):
            footage = home / folder
            if folder == "many" and arguments.footage:
                footage = arguments.footage.resolve()
            else:
                footage.mkdir()
                make_footage(footage, count, most_shots)
            program = Program(arguments.programs.resolve(), home, footage)
            reference = home / f"reference-{folder}"
            if (serve_to_the_end(program, reference) if folder == "many" else program.index(reference)) != 0:
                sys.exit(f"an undisturbed run failed: {(home / 'log').read_text()[-2000:]}")
            expected = index_of(reference)
            print(f"undisturbed: {len(expected)} files, {sum(map(len, expected.values()))} clips and lines", flush=True)
            if folder == "many":
                wrong += kill_often(program, home, expected, arguments)
            elif arguments.faults != 0:
                wrong += fault_everywhere(program, home, expected, arguments)
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
