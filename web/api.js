// The daemon's HTTP API; docs/API.md has its types. Addresses are relative, so that the page works below any path.

export class Failure extends Error {
    constructor(status, code, message) {
        super(message);
        this.status = status;
        this.code = code;
    }
}

async function send(path, options) {
    let response;
    try {
        response = await fetch(path, { credentials: "same-origin", ...options });
    } catch (error) {
        if (error.name === "AbortError") throw error;
        throw new Failure(0, "unreachable", "The daemon doesn't answer. It may be restarting; the page tries again.");
    }
    if (response.ok) return response;
    const body = await response.json().catch(() => ({}));
    throw new Failure(response.status, body.error?.code ?? "", body.error?.message ?? `HTTP status ${response.status}`);
}

const post = (value, signal) => ({
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(value), signal,
});

export const status = async () => (await send("v1/status")).json();
export const clip = async (id) => (await send(`v1/clips/${id}`)).json();
export const addRoot = async (path) => (await send("v1/roots", post({ path }))).json();
export const removeRoot = (id) => send(`v1/roots/${id}`, { method: "DELETE" });
export const rescan = () => send("v1/rescan", { method: "POST" });
export const confirmRemoval = (id) => send(`v1/roots/${id}/confirm`, { method: "POST" });
export const thumbnail = (clip, side) => `v1/clips/${clip}/thumbnail.jpg?side=${side}`;
export const preview = (clip) => `v1/clips/${clip}/preview.webm`;
export const file = (media) => `v1/media/${media}/file`;

/** The answers of a search as they come, each better than the one before. */
export async function* search(request, signal) {
    const response = await send("v1/search", post({ ...request, stream: true }, signal));
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    let isFinal = false;
    for (;;) {
        const { value, done } = await reader.read();
        if (done) break;
        const lines = (rest + value).split("\n");
        rest = lines.pop();
        for (const line of lines) {
            const answer = JSON.parse(line);
            if (answer.error) throw new Failure(200, answer.error.code, answer.error.message);
            isFinal = answer.final;
            yield answer;
        }
    }
    if (!isFinal) throw new Failure(0, "unreachable", "The answer was cut off: the daemon may be restarting.");
}
