// What is indexed, what is not, and which folders are watched.

import { find, make } from "./dom.js";
import { count, duration } from "./words.js";
import * as api from "./api.js";

/** How long the page waits before it asks again how far things are, in milliseconds. */
const waits = { busy: 1000, idle: 15_000, unreachable: 2000 };

/**
 * @param arrived called with each status.
 * @param failed called with the failure when there is none.
 */
export function makeLibrary({ arrived, failed }) {
    const dialog = find("library");
    const message = find("library-message");
    let timer;
    let asking = false;

    async function ask() {
        clearTimeout(timer);
        if (asking) return;
        asking = true;
        let wait = waits.unreachable;
        try {
            const status = await api.status();
            wait = dialog.open || isBusy(status) ? waits.busy : waits.idle;
            draw(status);
            arrived(status);
        } catch (failure) {
            failed(failure);
        }
        asking = false;
        if (!document.hidden) timer = setTimeout(ask, wait);
    }

    document.addEventListener("visibilitychange", () => {
        if (!document.hidden) ask();
    });

    const isBusy = (status) => status.media.pending + status.media.indexing > 0 || status.watcher.state === "scanning";

    function draw(status) {
        const left = status.media.pending + status.media.indexing;
        const rest = status.rates.remaining_seconds;
        find("open-library").textContent = left > 0 ? `Library: ${left} to index` : "Library";
        find("counts").textContent = [
            `${count(status.index.clips, "clip")} of ${count(status.media.indexed, "file")}`,
            left > 0 ? `${count(left, "file")} to index${rest ? `, about ${duration(rest)}` : ""}` : "nothing left to index",
            status.queue.retrying > 0 ? `${status.queue.retrying} to be tried again` : "",
            status.queue.paused ? `paused: ${status.queue.paused}` : "",
            status.watcher.advice ?? "",
        ].filter(Boolean).join(" · ");
        find("work").replaceChildren(...status.queue.current.map((work) => {
            const bar = make("progress", { "aria-label": `Progress of ${work.path}` });
            if (work.duration > 0) {
                bar.max = work.duration;
                bar.value = Math.min(work.position, work.duration);
            }
            return make("li", {}, make("span", {}, work.path), bar);
        }));
        drawRoots(status.roots);
        find("failed").hidden = status.failures.length === 0;
        find("failures").replaceChildren(...status.failures.map((failure) => {
            const again = failure.next_attempt_at ? ` It is tried again at ${new Date(failure.next_attempt_at).toLocaleTimeString()}.` : "";
            return make("li", {}, make("span", {}, failure.path ?? "a file that is gone"), make("span", { className: "reason" }, failure.reason + again));
        }));
    }

    let drawn = "";

    /** Only when they have changed, so that a question about one stays. */
    function drawRoots(roots) {
        const state = JSON.stringify(roots);
        if (state === drawn) return;
        drawn = state;
        if (roots.length === 0) {
            find("roots").replaceChildren(make("li", {}, "No folder is watched yet."));
            return;
        }
        find("roots").replaceChildren(...roots.map((root) => {
            const button = make("button", { type: "button", "aria-label": `Remove ${root.path}` }, "Remove");
            button.addEventListener("click", () => {
                if (button.dataset.asked) return change(() => api.removeRoot(root.id), `${root.path} is no longer watched.`);
                button.dataset.asked = "yes";
                button.textContent = "Remove from the index? Files stay";
                button.setAttribute("aria-label", `Really remove ${root.path} from the index; its files stay`);
            });
            const state = root.state === "online" ? count(root.files, "file") : root.state + (root.reason ? `: ${root.reason}` : "");
            const item = make("li", {}, make("span", {}, root.path), make("span", { className: root.state === "offline" ? "offline" : "reason" }, state), button);
            if (root.missing > 0) item.append(missing(root));
            return item;
        }));
    }

    /** What a person decides about the files that are missing from a root. */
    function missing(root) {
        const button = make("button", { type: "button", "aria-label": `Remove the missing files of ${root.path} from the index` }, "They are gone: remove them");
        button.addEventListener("click", () => change(() => api.confirmRemoval(root.id), `The missing files of ${root.path} are removed from the index.`));
        return make("span", { className: "offline" }, `${count(root.missing, "file")} missing, kept until they are back. `, button);
    }

    async function change(action, text) {
        try {
            await action();
            message.textContent = text;
        } catch (failure) {
            message.textContent = failure.message;
        }
        drawn = "";
        ask();
    }

    find("add-root").addEventListener("submit", (event) => {
        event.preventDefault();
        const path = find("root-path").value.trim();
        change(async () => {
            await api.addRoot(path);
            find("root-path").value = "";
        }, `${path} is watched now.`);
    });
    find("rescan").addEventListener("click", () => change(api.rescan, "All folders are scanned now."));

    const open = () => {
        if (!dialog.open) dialog.showModal();
        ask();
    };
    find("open-library").addEventListener("click", open);
    ask();
    return { open, ask };
}
