#!/usr/bin/env python3
"""`saccade search --format otio` and OpenTimelineIO's own package: `make test-otio`.

    otio_test.py BIN VENV

BIN is the folder of the built programs, VENV where the package is installed from PyPI. Every timeline is read by it and compared with
the same search as JSON: names, media references, times. Needs ffmpeg.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import urllib.parse
import venv

sys.dont_write_bytecode = True

PACKAGE = "opentimelineio==0.18.1"
QUERY = "a test picture “with” coloured bars"
# Beside what names usually have: what URLs, JSON and Python's paths treat specially.
NAMES = [b"bars.mp4", "Fête d'été #1 100%.mkv".encode(), b"a&b?c=d+e.mp4", "月の 映像.mov".encode(), b"not-utf8-\xff\xfe.mp4", b"line\nend.mp4"]
STILL_SECONDS = 5.0

checks = 0


def check(is_so, what):
    global checks
    checks += 1
    if not is_so:
        raise AssertionError(what)


def enter_environment(folder):
    """Goes on in a Python that has the package."""
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
    subprocess.run([python, "-m", "pip", "--quiet", "--disable-pip-version-check", "install", PACKAGE], check=True)
    os.execv(python, [python, *sys.argv])


def make_footage(folder):
    """A video for each name, of several shots and none a whole number of seconds long, and a still picture."""
    plain = folder / "plain.mkv"
    sources = ["testsrc2=s=160x120:d=2.3", "smptebars=s=160x120:d=1.7", "mandelbrot=s=160x120:r=25,trim=duration=2.9"]
    inputs = [argument for source in sources for argument in ("-f", "lavfi", "-i", source)]
    subprocess.run(
        ["ffmpeg", "-v", "error", "-y", *inputs, "-filter_complex", "[0][1][2]concat=n=3:v=1", "-c:v", "libx264",
         "-preset", "ultrafast", "-pix_fmt", "yuv420p", plain], check=True)
    files = []
    for number, name in enumerate(NAMES):
        path = os.path.join(os.fsencode(folder), name)
        # Each with content of its own, so that none is another's copy.
        subprocess.run(
            ["ffmpeg", "-v", "error", "-y", "-i", plain, "-c", "copy", "-metadata", f"comment={number}",
             folder / f"{number}{pathlib.Path(os.fsdecode(name)).suffix}"], check=True)
        os.rename(folder / f"{number}{pathlib.Path(os.fsdecode(name)).suffix}", path)
        files.append(path)
    plain.unlink()
    still = folder / "still.jpg"
    subprocess.run(["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", "smptebars=s=160x120", "-frames:v", "1", still], check=True)
    return files + [os.fsencode(still)]


def path_of(result):
    import base64

    media = result["media"]
    return base64.b64decode(media["path_bytes"]) if "path_bytes" in media else os.fsencode(media["path"])


def compare(timeline, results, rate):
    import opentimelineio as otio

    check(isinstance(timeline, otio.schema.Timeline) and timeline.name == QUERY, f"the timeline: {timeline.name}")
    check(len(timeline.tracks) == 1 and timeline.tracks[0].kind == otio.schema.TrackKind.Video, "not one track of video")
    clips = list(timeline.find_clips())
    check(len(clips) == len(results) and list(timeline.tracks[0]) == clips, f"{len(clips)} clips for {len(results)} results")
    half = 0.5 / rate + 1e-9
    begins = otio.opentime.RationalTime(0, rate)
    for clip, result in zip(clips, results):
        path = path_of(result)
        reference = clip.media_reference
        check(isinstance(reference, otio.schema.ExternalReference) and not clip.media_reference.is_missing_reference, f"{path}: {reference}")
        url = urllib.parse.urlsplit(reference.target_url)
        check(url.scheme == "file" and url.netloc == "" and not url.query and not url.fragment, f"{path}: {reference.target_url}")
        check(urllib.parse.unquote_to_bytes(url.path) == path, f"{path}: {reference.target_url}")
        if b"\xff" not in path:
            check(os.fsencode(otio.url_utils.filepath_from_url(reference.target_url)) == path, f"{path}: by its own url_utils")
        name = path.rsplit(b"/", 1)[1].decode(errors="replace").replace("\n", "\N{REPLACEMENT CHARACTER}")
        check(clip.name.startswith(name + " "), f"{clip.name} for {name}")
        span, wanted = clip.source_range, result["end"] - result["start"] or STILL_SECONDS
        check(span.start_time.rate == span.duration.rate == rate, f"{clip.name}: {span}")
        check(abs(span.start_time.to_seconds() - result["start"]) <= half, f"{clip.name}: {span} for {result['start']}")
        check(abs(span.duration.to_seconds() - wanted) <= half, f"{clip.name}: {span} for {wanted}")
        check(span.start_time.value == int(span.start_time.value) and span.duration.value >= 1, f"{clip.name}: not whole frames: {span}")
        check(clip.range_in_parent().start_time == begins, f"{clip.name}: a gap before it")
        begins += span.duration
        # SMPTE has none for 120 frames a second.
        check(rate > 60 or otio.opentime.to_timecode(span.start_time, rate), f"{clip.name}: no timecode")
        facts = clip.metadata["saccade"]
        check(abs(facts["score"] - result["score"]) < 1e-9, f"{clip.name}: {facts}")
        check(abs(facts["probability"] - result["probability"]) < 1e-9, f"{clip.name}: {facts}")
    check(timeline.duration() == begins, f"it lasts {timeline.duration()} and not {begins}")
    again = otio.adapters.read_from_string(otio.adapters.write_to_string(timeline, "otio_json"), "otio_json")
    check(again.is_equivalent_to(timeline), "written again, it is another timeline")


def main():
    programs, folder = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()
    if pathlib.Path(sys.prefix).resolve() != folder:
        enter_environment(folder)
    import opentimelineio as otio

    home = pathlib.Path(tempfile.mkdtemp(prefix="saccade-otio-"))
    try:
        footage = home / "footage"
        footage.mkdir()
        files = make_footage(footage)
        environment = {"PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8"}
        state = str(home / "state")

        def saccade(*arguments):
            run = subprocess.run(
                [os.fsencode(programs / "saccade"), *arguments, "--state", state], env=environment, capture_output=True)
            if run.returncode != 0:
                raise SystemExit(f"{arguments}: {run.stderr.decode()}")
            return run.stdout

        # The folder, since arguments of the program are text.
        saccade("index", os.fsencode(footage))
        # More than ten results, and none left out.
        search = ("search", QUERY, "--limit", "100", "--picture")
        results = json.loads(saccade(*search, "--json"))["results"]
        check(len({path_of(result) for result in results}) == len(files), f"{len(results)} results")
        for rate in (24, 25, 30, 120):
            written = home / f"{rate}.otio"
            written.write_bytes(saccade(*search, "--format", "otio", "--frame-rate", str(rate)))
            compare(otio.adapters.read_from_file(str(written)), results, rate)
        none = otio.adapters.read_from_string(
            saccade("search", '"no such words"', "--format", "otio").decode(), "otio_json")
        check(list(none.find_clips()) == [] and none.duration().value == 0, "results of nothing")
        print(f"OpenTimelineIO {otio.__version__}: {len(results)} clips at 4 frame rates, {checks} checks passed")
    finally:
        shutil.rmtree(home, ignore_errors=True)


main()
