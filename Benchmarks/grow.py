#!/usr/bin/env python3
"""Grows an indexed library to many clips, for benchmarks of size.

    grow.py STATE CLIPS

STATE is the state folder of a library in which some media items are indexed, and that no daemon has open. Copies of them are added until the
index has CLIPS clips: each copy of a clip has the clip's vector, moved by a little noise (0.3 of its length) so that no two are equal, and
the clip's own rerank features. Their files are in folders that don't exist. Needs NumPy.
"""

import argparse
import hashlib
import os
import pathlib
import sqlite3

import numpy

NOISE = 0.3


class Library:
    """The rows of one state folder, as Sources/Catalog/Schema.swift has them."""

    def __init__(self, state):
        self.catalog = sqlite3.connect(state / "catalog.sqlite")
        self.features = sqlite3.connect(state / "memories.sqlite")
        for database in (self.catalog, self.features):
            database.execute("PRAGMA synchronous = OFF")
        (self.index,) = self.one("SELECT id FROM generations WHERE state = 'live'")
        (self.count,) = self.one("SELECT count(*) FROM clips WHERE generation_id = ?", self.index)
        self.media = list(self.catalog.execute(
            "SELECT id, size, digest, duration, width, height, codec, container, recorded_at, added_at FROM media"
            " WHERE deleted_at IS NULL AND id IN (SELECT media_id FROM clips WHERE generation_id = ?)", [self.index]))
        self.names = {
            media: os.path.basename(path)
            for media, path in self.catalog.execute("SELECT media_id, path FROM files WHERE media_id IS NOT NULL")}
        self.clips = {}
        for clip, media, *rest in self.catalog.execute(
                "SELECT id, media_id, ordinal, start, end, shot FROM clips WHERE generation_id = ?", [self.index]):
            self.clips.setdefault(media, []).append((clip, rest))
        self.vectors = {
            clip: numpy.frombuffer(vector, "<f4")
            for clip, vector in self.catalog.execute("SELECT clip_id, vector FROM embeddings WHERE generation_id = ?", [self.index])}
        self.memories = {
            clip: rest for clip, *rest in self.features.execute("SELECT clip_id, generation, memory, checksum FROM memories")}
        self.chance = numpy.random.default_rng(1)

    def one(self, statement, *values):
        return self.catalog.execute(statement, values).fetchone()

    def add_media(self, round_number, item):
        media, size, digest, *rest = item
        digest = hashlib.sha256(digest + round_number.to_bytes(4, "big")).digest()[:len(digest)]
        copy = self.catalog.execute(
            "INSERT INTO media (size, digest, duration, width, height, codec, container, recorded_at, added_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", [size, digest, *rest]).lastrowid
        folder = b"/grown/%05d" % round_number
        self.catalog.execute(
            "INSERT INTO files (path, directory, media_id, size, modified, device, inode) VALUES (?, ?, ?, ?, 0, 1, ?)",
            [folder + b"/" + self.names[media], folder, copy, size, 1_000_000_000 + copy])
        self.catalog.execute(
            "INSERT INTO jobs (media_id, generation_id, state, finished_at, clips) VALUES (?, ?, 'indexed', 0, ?)",
            [copy, self.index, len(self.clips[media])])
        self.catalog.execute("UPDATE text_sources SET state = 'read' WHERE media_id = ?", [copy])
        for clip, row in self.clips[media]:
            self.add_clip(copy, clip, row)

    def add_clip(self, media, clip, row):
        copy = self.catalog.execute(
            "INSERT INTO clips (media_id, generation_id, ordinal, start, end, shot) VALUES (?, ?, ?, ?, ?, ?)",
            [media, self.index, *row]).lastrowid
        vector = self.vectors[clip]
        vector = vector + self.chance.normal(0, NOISE / len(vector) ** 0.5, len(vector)).astype("<f4")
        vector = (vector / numpy.linalg.norm(vector)).astype("<f4")
        self.catalog.execute("INSERT INTO embeddings VALUES (?, ?, ?)", [copy, self.index, vector.tobytes()])
        if clip in self.memories:
            self.features.execute(
                "INSERT INTO memories (clip_id, generation, memory, checksum) VALUES (?, ?, ?, ?)", [copy, *self.memories[clip]])
        self.count += 1

    def commit(self):
        self.catalog.commit()
        self.features.commit()


def grow(state, clips):
    library = Library(state)
    round_number = 0
    while library.count < clips:
        for item in library.media:
            if library.count < clips:
                library.add_media(round_number, item)
        library.commit()
        round_number += 1
    return library.count


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("state", type=pathlib.Path)
    parser.add_argument("clips", type=int)
    arguments = parser.parse_args()
    print(f"{grow(arguments.state, arguments.clips)} clips")
