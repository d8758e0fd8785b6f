#!/usr/bin/env python3
"""R@K of searches by picture, by text and by both, through the program, on videos made of captioned frames with made subtitles.

    words.py BIN CAPTIONED.jsonl TALK.jsonl [--own 0.5] [--draws 3]

BIN is the folder of the built programs; CAPTIONED has items with frames and captions, of which ffmpeg makes a video each, two seconds a frame;
TALK has others whose captions are what is said. Each video gets six of those, and, with the chance --own, one of its own captions, in a file
of subtitles beside it. The query is the item's first caption; its own line is another one.
"""

import argparse
import http.client
import json
import pathlib
import random
import socket
import subprocess
import tempfile

MODES = {"picture": {"channel": "picture"}, "text": {"channel": "words"}, "both": {"channel": "both"}}


class Connection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("saccade")
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(str(self.path))


def read(path):
    with open(path) as file:
        return [json.loads(line) for line in file]


def make_video(item, base, target):
    listing = target.with_suffix(".txt")
    frames = [(base / frame).resolve() for frame in item["frames"]]
    listing.write_text("".join(f"file '{frame}'\nduration 2\n" for frame in frames) + f"file '{frames[-1]}'\n")
    subprocess.run(
        ["ffmpeg", "-v", "error", "-nostdin", "-f", "concat", "-safe", "0", "-i", listing,
         "-vf", "scale=trunc(iw/2)*2:trunc(ih/2)*2,fps=4", "-pix_fmt", "yuv420p", "-c:v", "libx264", "-crf", "20", target],
        check=True)
    listing.unlink()
    return 2.0 * len(frames)


def clock(seconds):
    return f"{int(seconds // 3600):02}:{int(seconds // 60) % 60:02}:{int(seconds) % 60:02},{int(seconds * 1000) % 1000:03}"


def subtitles(lines, duration):
    step = duration / len(lines)
    return "".join(
        f"{n + 1}\n{clock(n * step)} --> {clock((n + 0.9) * step)}\n{line}\n\n" for n, line in enumerate(lines))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bin", type=pathlib.Path)
    parser.add_argument("captioned", type=pathlib.Path)
    parser.add_argument("talk", type=pathlib.Path)
    parser.add_argument("--own", type=float, nargs="+", default=[0, 0.25, 0.5, 1])
    parser.add_argument("--draws", type=int, default=1)
    arguments = parser.parse_args()
    program = arguments.bin / "saccade"
    items = [item for item in read(arguments.captioned) if len(item["captions"]) > 1]
    talk = [caption for item in read(arguments.talk) for caption in item["captions"]]
    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)
        videos = scratch / "videos"
        videos.mkdir()
        durations = [make_video(item, arguments.captioned.parent, videos / f"{n:05}.mp4") for n, item in enumerate(items)]
        state = scratch / "state"
        print(f"{len(items)} videos")
        for own in arguments.own:
            ranks = {mode: [] for mode in MODES}
            for draw in range(arguments.draws):
                chance = random.Random(1000 * draw + int(100 * own))
                for n, item in enumerate(items):
                    lines = chance.sample(talk, 6)
                    if chance.random() < own:
                        lines[chance.randrange(6)] = chance.choice(item["captions"][1:])
                    (videos / f"{n:05}.srt").write_text(subtitles(lines, durations[n]))
                subprocess.run([program, "index", videos, "--state", state], check=True, stdout=subprocess.DEVNULL)
                ask(program, state, items, ranks)
            row = []
            for mode, found in ranks.items():
                recalls = [100 * sum(rank <= k for rank in found) / len(found) for k in (1, 5, 10)]
                row.append(mode + " " + " / ".join(f"{recall:.1f}" for recall in recalls))
            print(f"own line {own:.0%}: " + "; ".join(row), flush=True)


def ask(program, state, items, ranks):
    path = state / "saccade.sock"
    server = subprocess.Popen([program, "serve", "--state", state, "--socket", path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        wait(path, server)
        connection = Connection(path)
        for n, item in enumerate(items):
            for mode, fields in MODES.items():
                body = {"query": item["captions"][0].replace('"', " "), "limit": 50, "group": "media", **fields}
                connection.request("POST", "/v1/search", json.dumps(body), {"Content-Type": "application/json"})
                answer = json.loads(connection.getresponse().read())
                names = [pathlib.Path(result["media"]["path"]).stem for result in answer["results"]]
                ranks[mode].append(names.index(f"{n:05}") + 1 if f"{n:05}" in names else 1000)
    finally:
        server.terminate()
        server.wait()


def wait(path, server):
    while server.poll() is None:
        try:
            connection = Connection(path)
            connection.request("GET", "/v1/status")
            if connection.getresponse().status == 200:
                return
        except OSError:
            continue
    raise SystemExit("saccade serve ended")


if __name__ == "__main__":
    main()
