"""PyAV, decoding every frame of a file and delivering one a second as 256-pixel RGB. One round a line on standard input."""
import sys
import time

import av

path = sys.argv[1]
print("ready", flush=True)
for _ in sys.stdin:
    begin = time.perf_counter()
    count = 0
    with av.open(path) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        wanted = 0.0
        for frame in container.decode(stream):
            if frame.time + 1e-6 >= wanted:
                frame.to_ndarray(width=256, height=256, format="rgb24")
                count += 1
                wanted += 1.0
    print(time.perf_counter() - begin, count, flush=True)
