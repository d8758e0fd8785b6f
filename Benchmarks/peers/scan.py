"""Exact search of float vectors by others: faiss's flat index and 8-bit scalar quantiser, and sqlite-vec.

Usage: scan.py VECTORS COUNT DIMENSIONS THREADS, with VECTORS a file of COUNT float rows and then the queries.
Prints `ready`, then answers each line `ENGINE QUERY LIMIT` with the seconds that it took and the rows that were found, best first.
`engines` is answered with their names. sqlite-vec runs in a Python whose sqlite3 loads extensions: this one, or
SACCADE_SQLITE_PYTHON (/usr/bin/python3 if that isn't set).
"""

import importlib.util
import os
import sqlite3
import subprocess
import sys
import time


def sqlite_vec_extension():
    found = importlib.util.find_spec("sqlite_vec")
    return os.path.join(os.path.dirname(found.origin), "vec0") if found else None


class SQLiteVec:
    """Only the standard library, so that any Python can run it."""

    def __init__(self, path, count, dimensions, extension):
        self.row = 4 * dimensions
        self.count = count
        self.file = open(path, "rb")
        self.database = sqlite3.connect(":memory:")
        self.database.enable_load_extension(True)
        self.database.load_extension(extension)
        self.database.execute(f"CREATE VIRTUAL TABLE v USING vec0(embedding float[{dimensions}])")
        rows = ((i, self.file.read(self.row)) for i in range(count))
        with self.database:
            self.database.executemany("INSERT INTO v (rowid, embedding) VALUES (?, ?)", rows)

    def search(self, query, limit):
        self.file.seek((self.count + query) * self.row)
        vector = self.file.read(self.row)
        start = time.perf_counter()
        rows = self.database.execute(
            "SELECT rowid FROM v WHERE embedding MATCH ? AND k = ? ORDER BY distance", (vector, limit)
        ).fetchall()
        return time.perf_counter() - start, [row[0] for row in rows]


class Faiss:
    def __init__(self, index, vectors, queries):
        if not index.is_trained:
            index.train(vectors[:100_000])
        index.add(vectors)
        self.index, self.queries = index, queries

    def search(self, query, limit):
        vector = self.queries[query : query + 1]
        start = time.perf_counter()
        _, rows = self.index.search(vector, limit)
        return time.perf_counter() - start, rows[0].tolist()


class OtherPython:
    def __init__(self, python, arguments):
        self.process = subprocess.Popen(
            [python, __file__, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        if self.process.stdout.readline() != "ready\n":
            raise OSError(f"{python} can't run sqlite-vec")

    def search(self, query, limit):
        self.process.stdin.write(f"sqlite-vec {query} {limit}\n")
        self.process.stdin.flush()
        seconds, *rows = self.process.stdout.readline().split()
        return float(seconds), rows


def main(path, count, dimensions, threads, extension=None):
    count, dimensions = int(count), int(dimensions)
    engines = {}
    if extension:
        engines["sqlite-vec"] = SQLiteVec(path, count, dimensions, extension)
    else:
        import faiss
        import numpy

        faiss.omp_set_num_threads(int(threads))
        rows = numpy.fromfile(path, dtype=numpy.float32).reshape(-1, dimensions)
        vectors, queries = rows[:count], rows[count:]
        product = faiss.METRIC_INNER_PRODUCT
        engines["faiss-flat"] = Faiss(faiss.IndexFlatIP(dimensions), vectors, queries)
        quantiser = faiss.IndexScalarQuantizer(dimensions, faiss.ScalarQuantizer.QT_8bit, product)
        engines["faiss-sq8"] = Faiss(quantiser, vectors, queries)
        extension = sqlite_vec_extension()
        if extension:
            python = os.environ.get("SACCADE_SQLITE_PYTHON", "/usr/bin/python3")
            try:
                if hasattr(sqlite3.Connection, "enable_load_extension"):
                    engines["sqlite-vec"] = SQLiteVec(path, count, dimensions, extension)
                else:
                    arguments = [path, str(count), str(dimensions), threads, extension]
                    engines["sqlite-vec"] = OtherPython(python, arguments)
            except (OSError, sqlite3.Error) as error:
                print(f"no sqlite-vec: {error}", file=sys.stderr)
    print("ready", flush=True)
    for line in sys.stdin:
        words = line.split()
        if words == ["engines"]:
            print(*engines, flush=True)
            continue
        seconds, rows = engines[words[0]].search(int(words[1]), int(words[2]))
        print(seconds, *rows, flush=True)


main(*sys.argv[1:])
