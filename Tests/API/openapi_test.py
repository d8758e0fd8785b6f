#!/usr/bin/env python3
"""Requests that schemathesis makes of the daemon's own description of its API: `make test-api`.

    openapi_test.py BIN VENV

BIN is the folder of the built programs, VENV where schemathesis is installed from PyPI. The examples of docs/examples find what the
command line finds. No request may be answered with a status 5xx, or with
anything that the description doesn't say. Left out are the stream of events, which has no end, and the adding of folders, since the
daemon would watch whatever folder of this machine was made up.
"""

import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import venv

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "Page"))
import page_test

EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / "docs" / "examples"
VERSION = "4.32.5"
NEEDED = 2000


def run_examples(daemon):
    """How many of the examples went wrong; those whose language isn't installed are left out."""
    query = 'colorful "stripes'
    results = json.loads(daemon.run("search", query, "--limit", "5", "--json").stdout)["results"]
    expected = [f"{result['media']['path']}\t{result['start']}\t{result['end']}" for result in results]
    failed = 0
    for name, needed in (("search.sh", ["curl", "jq"]), ("search.py", ["python3"]), ("search.mjs", ["node"])):
        if missing := [program for program in needed if not shutil.which(program)]:
            print(f"left out: {name}, for want of {' and '.join(missing)}")
            continue
        run = subprocess.run([EXAMPLES / name, daemon.state / "saccade.sock", query], text=True, capture_output=True)
        is_right = len(expected) == 5 and run.stdout.splitlines() == expected
        print(f"{'ok   ' if is_right else 'WRONG'} {name}{'' if is_right else f': {run.stdout}{run.stderr}'}")
        failed += not is_right
    return failed


def main():
    programs, folder = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()
    tool = folder / "bin" / "schemathesis"
    if not tool.exists():
        venv.create(folder, with_pip=True)
        subprocess.run([folder / "bin" / "pip", "--quiet", "--disable-pip-version-check", "install", f"schemathesis=={VERSION}"], check=True)
    home = pathlib.Path(tempfile.mkdtemp(prefix="saccade-api-"))
    daemon = None
    try:
        (home / "footage").mkdir()
        page_test.make_footage(home / "footage")
        token = home / "token"
        token.touch(mode=0o600)
        token.write_text("0123456789abcdef0123456789abcdef\n")
        port = page_test.free_port()
        daemon = page_test.Daemon(programs, home, home / "footage", {"SACCADE_HTTP_TCP_PORT": str(port), "SACCADE_HTTP_TOKEN_FILE": str(token)})
        daemon.run("status", "--wait")
        wrong = run_examples(daemon)
        address = f"http://127.0.0.1:{port}"
        run = subprocess.run(
            [tool, "run", f"{address}/v1/openapi.json", "--url", address, "--header", f"Authorization: Bearer {token.read_text().strip()}",
             "--exclude-path", "/v1/events", "--exclude-operation-id", "addRoot", "--max-examples", "300",
             # What no schema says: a range of dates or lengths that is empty.
             "--exclude-checks", "positive_data_acceptance"],
            cwd=home, text=True, capture_output=True)
        print(run.stdout[run.stdout.find("= FAILURES"):] if run.returncode else "")
        generated = int(re.search(r"([\d,]+) generated", run.stdout).group(1).replace(",", ""))
        print(f"{generated} requests")
        failed = int(run.returncode != 0) + int(generated < NEEDED)
        print(f"{2 - failed} passed, {failed + wrong} failed")
        sys.exit(1 if failed + wrong else 0)
    finally:
        if daemon:
            daemon.process.kill()
        shutil.rmtree(home, ignore_errors=True)


main()
