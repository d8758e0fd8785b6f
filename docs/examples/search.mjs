#!/usr/bin/env node
// search.mjs SOCKET QUERY: the best moments for a query as they settle, one a line. Needs Node.js.

import http from "node:http";
import { createInterface } from "node:readline";

const [socketPath, query] = process.argv.slice(2);

/** Answers to a search, each better than the one before. */
async function* search(options) {
    const response = await new Promise((resolve, reject) => {
        const request = http.request({ socketPath, path: "/v1/search", method: "POST", headers: { "Content-Type": "application/json" } }, resolve);
        request.on("error", reject);
        request.end(JSON.stringify({ ...options, stream: true }));
    });
    for await (const line of createInterface({ input: response })) {
        const answer = JSON.parse(line);
        if (answer.error) throw new Error(answer.error.message);
        yield answer;
    }
}

let last;
for await (const answer of search({ query, limit: 5 })) last = answer;
for (const { media, start, end } of last.results) console.log(`${media.path}\t${start}\t${end}`);
