"""Approximate search by others: faiss's IVF-PQ fast scan and IVF-RaBitQ, both with 8-bit refinement, and usearch's HNSW in 8 bits.

Usage: inverted.py VECTORS COUNT DIMENSIONS THREADS, with VECTORS a file of COUNT float rows and then the queries.
Prints `ready`, then answers each line `ENGINE QUERY LIMIT` with the seconds that it took and the rows that were found, best first. An engine
is NAME/N, N being the lists or nodes that it looks at. `engines` is answered with their names, `built` with how long each took to build.
"""

import sys
import time

import numpy


class Faiss:
    def __init__(self, factory, vectors, reach):
        import faiss

        product = faiss.METRIC_INNER_PRODUCT
        self.index = faiss.index_factory(vectors.shape[1], factory, product)
        self.index.train(vectors[:: max(1, len(vectors) // 400_000)])
        self.index.add(vectors)
        self.lists = faiss.extract_index_ivf(self.index)
        self.reach = reach
        # As many candidates for each answer as keep the refinement from being what limits the recall.
        self.index.k_factor = 8

    def search(self, vector, reach, limit):
        self.lists.nprobe = reach
        return self.index.search(vector, limit)[1][0]


class Usearch:
    def __init__(self, vectors, threads, reach):
        from usearch.index import Index

        self.index = Index(ndim=vectors.shape[1], metric="ip", dtype="i8")
        self.index.add(numpy.arange(len(vectors)), vectors, threads=threads)
        self.reach = reach

    def search(self, vector, reach, limit):
        self.index.expansion_search = reach
        return self.index.search(vector[0], limit).keys


def main(path, count, dimensions, threads):
    count, dimensions, threads = int(count), int(dimensions), int(threads)
    rows = numpy.fromfile(path, dtype=numpy.float32).reshape(-1, dimensions)
    vectors, queries = rows[:count], rows[count:]
    lists = min(16_384, int(4 * count**0.5))
    makers = {}
    try:
        import faiss

        faiss.omp_set_num_threads(threads)
        probes = [lists // 128, lists // 64, lists // 32, lists // 16]
        makers["faiss-ivfpq"] = lambda: Faiss(f"IVF{lists},PQ{dimensions // 2}x4fs,Refine(SQ8)", vectors, probes)
        makers["faiss-rabitq"] = lambda: Faiss(f"IVF{lists},RaBitQ,Refine(SQ8)", vectors, probes)
    except ImportError as error:
        print(f"no faiss: {error}", file=sys.stderr)
    try:
        import usearch  # noqa: F401

        makers["usearch"] = lambda: Usearch(vectors, threads, [128, 256, 512, 1024])
    except ImportError as error:
        print(f"no usearch: {error}", file=sys.stderr)
    engines, built = {}, {}
    for name, make in makers.items():
        start = time.perf_counter()
        try:
            engines[name] = make()
        except RuntimeError as error:
            print(f"no {name}: {error}", file=sys.stderr)
            continue
        built[name] = time.perf_counter() - start
    print("ready", flush=True)
    for line in sys.stdin:
        words = line.split()
        if words == ["engines"]:
            print(*(f"{name}/{reach}" for name, engine in engines.items() for reach in engine.reach), flush=True)
            continue
        if words == ["built"]:
            print(*(f"{name} {seconds:.0f} s" for name, seconds in built.items()), flush=True)
            continue
        name, reach = words[0].split("/")
        vector = queries[int(words[1]) : int(words[1]) + 1]
        start = time.perf_counter()
        found = engines[name].search(vector, int(reach), int(words[2]))
        print(time.perf_counter() - start, *found, flush=True)


main(*sys.argv[1:])
