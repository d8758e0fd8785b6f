"""PySceneDetect with the detector that its program uses by default, and with its content detector. One round a line: the
detector's name; the answer is the seconds that it took and the times of the cuts."""
import sys
import time

from scenedetect import AdaptiveDetector, ContentDetector, detect

path = sys.argv[1]
detectors = {"adaptive": AdaptiveDetector, "content": ContentDetector}
print("ready", flush=True)
for line in sys.stdin:
    begin = time.perf_counter()
    scenes = detect(path, detectors[line.strip()]())
    taken = time.perf_counter() - begin
    print(taken, *[f"{scene[0].seconds:.3f}" for scene in scenes[1:]], flush=True)
