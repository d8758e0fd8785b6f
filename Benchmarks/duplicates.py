#!/usr/bin/env python3
"""Precision and recall of `saccade duplicates`, on videos and copies of twenty of them that ffmpeg makes.

    duplicates.py BIN VIDEOS [--shift N] [--same NAME,NAME]... [--state FOLDER] [--copies FOLDER]

BIN is the folder of the built programs, VIDEOS a folder of at least twenty videos. Seven copies are re-encoded (half the size, another codec, few
bits), seven are cropped (a tenth off each edge), six are shortened (a fifth off the beginning and a tenth off the end). A pair that is
listed is right if both are copies of one video, or of videos that --same says have footage in common; those are not counted as missed.
FOLDERs that are named are kept, and used again.
"""

import argparse
import json
import pathlib
import subprocess
import tempfile

KINDS = {
    "reencoded": ["-vf", "scale=trunc(iw/4)*2:trunc(ih/4)*2", "-c:v", "mpeg4", "-q:v", "12", "-an"],
    "cropped": ["-vf", "crop=trunc(iw*0.4)*2:trunc(ih*0.4)*2", "-c:v", "libx264", "-crf", "26", "-an"],
    "shortened": ["-c:v", "libx264", "-crf", "26", "-an"],
}
ORDER = ["reencoded", "cropped", "shortened"] * 6 + ["reencoded", "cropped"]


def duration(video):
    probe = ["ffprobe", "-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0", video]
    return float(subprocess.run(probe, check=True, capture_output=True, text=True).stdout)


def make_copies(videos, folder, shift):
    """Of every second video, so that half of the others are there to be taken for copies."""
    folder.mkdir(parents=True, exist_ok=True)
    copies = {}
    kinds = ORDER[shift:] + ORDER[:shift]
    for place, kind in enumerate(kinds):
        video = videos[(place * len(videos) // len(ORDER) + shift) % len(videos)]
        copy = folder / f"{place:02}-{kind}-{video.stem}.mp4"
        copies[copy] = (video, kind)
        if copy.exists():
            continue
        cut = ["-ss", f"{duration(video) * 0.2:.3f}", "-t", f"{duration(video) * 0.7:.3f}"] if kind == "shortened" else []
        subprocess.run(["ffmpeg", "-v", "error", "-nostdin", *cut, "-i", video, *KINDS[kind], copy], check=True)
    return copies


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bin", type=pathlib.Path)
    parser.add_argument("videos", type=pathlib.Path)
    parser.add_argument("--state", type=pathlib.Path)
    parser.add_argument("--copies", type=pathlib.Path)
    parser.add_argument("--shift", type=int, default=0, help="copy other videos, and in other ways")
    parser.add_argument("--same", action="append", default=[], metavar="NAME,NAME", help="videos that have footage in common")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        state = arguments.state or pathlib.Path(scratch) / "state"
        folder = (arguments.copies or pathlib.Path(scratch) / "copies").resolve()
        videos = sorted(path for path in arguments.videos.resolve().iterdir() if path.suffix in {".mp4", ".avi", ".mkv", ".webm"})
        copies = make_copies(videos, folder, arguments.shift)
        program = arguments.bin / "saccade"
        subprocess.run([program, "index", arguments.videos, folder, "--state", state], check=True, stdout=subprocess.DEVNULL)
        run = subprocess.run([program, "duplicates", "--json", "--state", state], check=True, capture_output=True, text=True)
        listed = {
            frozenset([pair["first"]["path"], pair["second"]["path"]])
            for pair in json.loads(run.stdout)["pairs"]
        }
    sources = {str(video): str(video) for video in videos} | {str(copy): str(video) for copy, (video, _) in copies.items()}
    same = {str(video): group for group in arguments.same for video in videos if video.stem in group.split(",")}
    wanted = {frozenset([str(copy), str(video)]): kind for copy, (video, kind) in copies.items()}
    right = {pair for pair in listed if len({same.get(sources[path], sources[path]) for path in pair}) == 1}
    found = right & wanted.keys()
    print(f"{len(videos)} videos, {len(copies)} copies; {len(listed)} pairs listed, {len(right)} of them right")
    for kind in KINDS:
        of_kind = [pair for pair, made in wanted.items() if made == kind]
        print(f"{kind:10} {sum(pair in found for pair in of_kind)} of {len(of_kind)} found")
    for pair in sorted(listed - right, key=sorted):
        print("wrong:", *sorted(pathlib.Path(path).name for path in pair))
    for pair in sorted(wanted.keys() - found, key=sorted):
        print("missed:", *sorted(pathlib.Path(path).name for path in pair))
    print(f"precision {len(right) / max(1, len(listed)):.3f}  recall {len(found) / len(wanted):.3f}")


if __name__ == "__main__":
    main()
