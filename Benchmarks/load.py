"""How a running daemon answers under load: what status and searches take beside many searches, and searches beside ingest.

Usage: load.py SOCKET [--clients N] [--seconds S] [--query TEXT] [--heavy]

Prints p50 and p99 in milliseconds: of searches alone, of status alone, and of both while N clients search at once. With --heavy each of those searches asks for
1,000 results re-ranked to depth 1,000. Answers other than 200 are counted.
"""

import argparse
import http.client
import json
import socket
import threading
import time


class Connection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("saccade", timeout=600)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def ask(connection, method, path, body=None):
    start = time.perf_counter()
    connection.request(method, path, body=body and json.dumps(body), headers={"Content-Type": "application/json"} if body else {})
    answer = connection.getresponse()
    answer.read()
    return answer.status, (time.perf_counter() - start) * 1000


def percentiles(times):
    times = sorted(times)
    at = lambda share: times[min(len(times) - 1, int(len(times) * share))]
    return f"p50 {at(0.5):8.1f} ms   p99 {at(0.99):8.1f} ms   most {times[-1]:8.1f} ms   of {len(times)}"


def measure(name, path, seconds, method, route, body=None):
    connection, times, statuses = Connection(path), [], {}
    end = time.monotonic() + seconds
    while time.monotonic() < end or not times:
        try:
            status, took = ask(connection, method, route, body)
        except OSError:
            connection, status, took = Connection(path), "closed", 0.0
        statuses[status] = statuses.get(status, 0) + 1
        if status == 200:
            times.append(took)
        elif sum(statuses.values()) > 10000:
            break
    others = {status: count for status, count in statuses.items() if status != 200}
    print(f"{name:32} {percentiles(times) if times else 'no answer'}" + (f"   others {others}" if others else ""), flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("socket")
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--query", default="a dog runs on the beach")
    parser.add_argument("--heavy", action="store_true")
    options = parser.parse_args()
    search = {"query": options.query}
    measure("search alone", options.socket, options.seconds, "POST", "/v1/search", search)
    measure("status alone", options.socket, options.seconds / 2, "GET", "/v1/status")

    heavy = {"query": options.query, "limit": 1000, "rerank": {"depth": 1000}} if options.heavy else search
    answers, stop = {}, threading.Event()

    def client():
        connection = Connection(options.socket)
        while not stop.is_set():
            try:
                status, _ = ask(connection, "POST", "/v1/search", heavy)
            except OSError:
                status, connection = "closed", Connection(options.socket)
            answers[status] = answers.get(status, 0) + 1
            if status != 200:
                time.sleep(1)

    threads = [threading.Thread(target=client, daemon=True) for _ in range(options.clients)]
    for thread in threads:
        thread.start()
    time.sleep(1)
    name = f"beside {options.clients} searches"
    measure(f"status {name}", options.socket, options.seconds, "GET", "/v1/status")
    stop.set()
    print(f"{options.clients} clients had {answers}", flush=True)


if __name__ == "__main__":
    main()
