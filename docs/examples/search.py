#!/usr/bin/env python3
"""search.py SOCKET QUERY: the best moments for a query, one a line. Needs Python's own library."""

import http.client
import json
import socket
import sys


class Saccade(http.client.HTTPConnection):
    """The API over the daemon's Unix socket."""

    def __init__(self, path):
        super().__init__("saccade")
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.path)

    def search(self, query, **options):
        self.request("POST", "/v1/search", json.dumps({"query": query, **options}), {"Content-Type": "application/json"})
        response = self.getresponse()
        answer = json.load(response)
        if response.status != 200:
            raise RuntimeError(answer["error"]["message"])
        return answer["results"]


for result in Saccade(sys.argv[1]).search(sys.argv[2], limit=5):
    print(result["media"]["path"], result["start"], result["end"], sep="\t")
