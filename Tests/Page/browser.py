"""A headless Chromium, driven over the DevTools protocol on a pair of pipes: nothing but Python's own library is needed."""

import base64
import json
import os
import queue
import shutil
import subprocess
import tempfile
import threading
import time

KEYS = {
    "Enter": ("Enter", 13, "\r"), "Escape": ("Escape", 27, ""), "Tab": ("Tab", 9, ""), "/": ("Slash", 191, "/"),
    "ArrowLeft": ("ArrowLeft", 37, ""), "ArrowUp": ("ArrowUp", 38, ""), "ArrowRight": ("ArrowRight", 39, ""),
    "ArrowDown": ("ArrowDown", 40, ""), "End": ("End", 35, ""), "Home": ("Home", 36, ""),
}


def find_program():
    """The path of Chromium, or None."""
    return next((path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None)


class Browser:
    """One window. What the page reports as an error is collected in `errors`."""

    def __init__(self, program):
        self.profile = tempfile.mkdtemp(prefix="saccade-page-")
        ours_in, theirs_out = os.pipe()
        theirs_in, ours_out = os.pipe()

        def arrange():
            # Chromium reads commands from descriptor 3 and writes to descriptor 4. Copies first, since one may be in the other's way.
            copies = os.dup(theirs_in), os.dup(theirs_out)
            os.dup2(copies[0], 3)
            os.dup2(copies[1], 4)

        arguments = [
            program, "--headless=new", "--remote-debugging-pipe", f"--user-data-dir={self.profile}", "--no-first-run",
            "--disable-gpu", "--disable-dev-shm-usage", "--autoplay-policy=no-user-gesture-required",
            "--disable-component-update", "--disable-background-networking", "--force-color-profile=srgb", "--hide-scrollbars",
        ]
        # Its sandbox refuses to run as root, as containers do.
        if os.geteuid() == 0:
            arguments.append("--no-sandbox")
        self.process = subprocess.Popen(
            arguments + ["about:blank"], preexec_fn=arrange, close_fds=False, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(theirs_in)
        os.close(theirs_out)
        self.output = ours_out
        self.messages = queue.Queue()
        self.answers = {}
        self.handlers = []
        self.errors = []
        self.number = 0
        self.session = None
        threading.Thread(target=self._read, args=(ours_in,), daemon=True).start()
        target = next(t for t in self._targets() if t["type"] == "page")
        self.session = self.send("Target.attachToTarget", targetId=target["targetId"], flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network", "Accessibility"):
            self.send(f"{domain}.enable")

    def _targets(self):
        for _ in range(100):
            targets = self.send("Target.getTargets")["targetInfos"]
            if any(t["type"] == "page" for t in targets):
                return targets
            time.sleep(0.05)
        raise RuntimeError("Chromium opened no page")

    def _read(self, descriptor):
        with os.fdopen(descriptor, "rb") as stream:
            rest = b""
            while True:
                part = stream.read1(1 << 16)
                if not part:
                    self.messages.put(None)
                    return
                *whole, rest = (rest + part).split(b"\0")
                for text in whole:
                    self.messages.put(json.loads(text))

    def _take(self, timeout):
        message = self.messages.get(timeout=timeout)
        if message is None:
            raise RuntimeError("Chromium ended")
        if "id" in message:
            self.answers[message["id"]] = message
            return
        method, values = message["method"], message["params"]
        if method == "Runtime.exceptionThrown":
            self.errors.append(json.dumps(values["exceptionDetails"])[:600])
        elif method == "Runtime.consoleAPICalled" and values["type"] in ("error", "assert"):
            self.errors.append(json.dumps(values["args"])[:600])
        elif method == "Log.entryAdded" and values["entry"]["level"] == "error":
            self.errors.append(f'{values["entry"]["text"]} {values["entry"].get("url", "")}')
        for handler in list(self.handlers):
            handler(method, values)

    def post(self, method, **values):
        self.number += 1
        message = {"id": self.number, "method": method, "params": values}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.output, json.dumps(message).encode() + b"\0")
        return self.number

    def send(self, method, **values):
        number = self.post(method, **values)
        while number not in self.answers:
            self._take(60)
        answer = self.answers.pop(number)
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        return answer["result"]

    def run(self, script):
        """The value of an expression in the page; of a promise, what it gives."""
        result = self.send("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True, userGesture=True)
        if "exceptionDetails" in result:
            raise RuntimeError(json.dumps(result["exceptionDetails"])[:600])
        return result["result"].get("value")

    def wait(self, script, what=None, seconds=120):
        """Asks until an expression is true, and returns its value."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                value = self.run(script)
                if value:
                    return value
            except RuntimeError as error:
                # The page may be on its way to another.
                if "context" not in str(error):
                    raise
            time.sleep(0.02)
        raise AssertionError(f"{what or script} did not come to be; the page says: {self.run('document.body.innerText')[:500]}")

    def go(self, address):
        self.send("Page.navigate", url=address)
        self.wait("document.readyState === 'complete'")

    def type(self, text):
        for letter in text:
            self.send("Input.dispatchKeyEvent", type="char", text=letter)

    def press(self, key):
        code, number, text = KEYS[key]
        values = {"key": key, "code": code, "windowsVirtualKeyCode": number}
        if text:
            values["text"] = text
        self.send("Input.dispatchKeyEvent", type="keyDown", **values)
        values.pop("text", None)
        self.send("Input.dispatchKeyEvent", type="keyUp", **values)

    def hover(self, selector):
        x, y = self.run(
            f"(() => {{ const box = document.querySelector({json.dumps(selector)}).getBoundingClientRect();"
            " return [box.x + box.width / 2, box.y + box.height / 2]; })()")
        self.send("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
        return x, y

    def click(self, selector):
        self.run(f"document.querySelector({json.dumps(selector)}).scrollIntoView({{block: 'center'}})")
        x, y = self.hover(selector)
        for kind in ("mousePressed", "mouseReleased"):
            self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def size(self, width, height, scale=1):
        self.send("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=width < 600)

    def scheme(self, name):
        self.send("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": name}])

    def picture(self, path, quality=80):
        data = self.send("Page.captureScreenshot", format="webp", quality=quality)["data"]
        with open(path, "wb") as file:
            file.write(base64.b64decode(data))

    def close(self):
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.profile, ignore_errors=True)
