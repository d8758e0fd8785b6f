#!/usr/bin/env python3
"""`saccade mcp` and the official Python client of the Model Context Protocol: `make test-mcp`.

    mcp_test.py BIN VENV

BIN is the folder of the built programs, VENV where the client is installed from PyPI. The client checks every message against the
protocol's types, and every structured result against the schema that its tool gave. Needs ffmpeg.
"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import venv

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "Page"))
import page_test

CLIENT = "mcp==2.3.0"


def enter_environment(folder):
    """Goes on in a Python that has the client."""
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
        subprocess.run([python, "-m", "pip", "--quiet", "--disable-pip-version-check", "install", CLIENT], check=True)
    os.execv(python, [python, *sys.argv])


check = page_test.check


async def talk(server, mode, revision, footage):
    import mcp

    async with mcp.Client(mcp.stdio_client(server), mode=mode) as client:
        check(client.protocol_version == revision, f"{mode}: speaks {client.protocol_version}")
        check(client.server_info.name == "saccade" and client.server_info.version, f"{mode}: {client.server_info}")
        check("search_moments" in client.instructions, f"{mode}: {client.instructions}")

        tools = (await client.list_tools()).tools
        names = [tool.name for tool in tools]
        check(names == ["search_moments", "get_moment", "describe_moment", "list_folders", "index_status"], f"{mode}: {names}")
        check(all(tool.annotations.read_only_hint for tool in tools), f"{mode}: a tool that doesn't only read")

        found = await client.call_tool("search_moments", {"query": "a test picture with coloured bars", "limit": 3})
        check(not found.is_error and len(found.structured_content["moments"]) == 3, f"{mode}: {found}")
        moment = found.structured_content["moments"][0]
        check(moment["path"].startswith(str(footage)) and moment["online"], f"{mode}: {moment}")

        seen = await client.call_tool("get_moment", {"clip": moment["clip"], "side": 128})
        check(seen.structured_content["path"] == moment["path"], f"{mode}: {seen}")
        check([part.type for part in seen.content] == ["text", "image"] and seen.content[1].mime_type == "image/jpeg", f"{mode}: {seen}")

        said = await client.call_tool("describe_moment", {"clip": moment["clip"]})
        check(said.structured_content["description"], f"{mode}: {said}")
        folders = await client.call_tool("list_folders", {})
        check(folders.structured_content["folders"][0]["path"] == str(footage), f"{mode}: {folders}")
        status = await client.call_tool("index_status", {})
        check(status.structured_content["media"]["failed"] == 1 and status.structured_content["failures"], f"{mode}: {status}")

        for arguments in ({"clip": 10**9}, {"clip": "one"}, {}, {"clip": 1, "delete": True}):
            refused = await client.call_tool("get_moment", arguments)
            check(refused.is_error and refused.content[0].text, f"{mode}: {arguments}: {refused}")
        try:
            await client.call_tool("delete_moment", {})
            check(False, f"{mode}: an unknown tool was called")
        except mcp.MCPError as error:
            check(error.code == -32602, f"{mode}: {error}")
        if mode == "legacy":
            await client.send_ping()


async def talk_alone(server):
    """Without a daemon: moments are found, and what needs one says so."""
    import mcp

    async with mcp.Client(mcp.stdio_client(server)) as client:
        found = await client.call_tool("search_moments", {"query": "coloured bars"})
        check(found.structured_content["moments"], f"alone: {found}")
        refused = await client.call_tool("list_folders", {})
        check(refused.is_error and "saccade serve" in refused.content[0].text, f"alone: {refused}")


def main():
    programs, folder = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()
    if pathlib.Path(sys.prefix).resolve() != folder:
        enter_environment(folder)
    import anyio
    import mcp

    home = pathlib.Path(tempfile.mkdtemp(prefix="saccade-mcp-"))
    daemon = None
    try:
        footage = home / "footage"
        footage.mkdir()
        page_test.make_footage(footage)
        daemon = page_test.Daemon(programs, home, footage)
        daemon.run("status", "--wait")
        server = mcp.StdioServerParameters(
            command=str(programs / "saccade"), args=["mcp", "--state", str(daemon.state)], env=daemon.environment)
        # The stateless revision, and the newest of those that begin with a handshake.
        for mode, revision in (("auto", "2026-07-28"), ("legacy", "2025-11-25")):
            anyio.run(talk, server, mode, revision, footage)
        daemon.stop()
        anyio.run(talk_alone, server)
        print(f"{page_test.checks} checks passed")
    finally:
        if daemon and daemon.process.poll() is None:
            daemon.process.kill()
        shutil.rmtree(home, ignore_errors=True)


main()
