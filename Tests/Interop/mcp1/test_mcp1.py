"""The official SDK of the older line (1.x), which speaks 2025-11-25: over HTTP, and over standard input and output."""
import contextlib
import datetime
import pathlib
import sys

import anyio
import httpx
import pytest
from mcp import ClientSession, McpError, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
from every_tool import KINDS, TOOLS, walk  # noqa: E402

WAYS = ["http", "stdio"]


@contextlib.asynccontextmanager
async def connected(way, api, program):
    parameters = StdioServerParameters(command=program, args=["mcp"], env={"TIDEWHEEL_URL": api})
    transport = streamable_http_client(f"{api}/mcp") if way == "http" else stdio_client(parameters)
    async with transport as streams, ClientSession(streams[0], streams[1]) as session:
        started = await session.initialize()
        assert started.protocolVersion == "2025-11-25" and started.serverInfo.name == "tidewheel"
        yield session


@pytest.mark.parametrize("way", WAYS)
def test_every_tool_is_listed_and_called(way, api, program, site):
    async def run():
        async with connected(way, api, program) as session:
            await session.send_ping()
            names = [tool.name for tool in (await session.list_tools()).tools]
            assert names[:len(TOOLS)] == TOOLS and set(KINDS) <= set(names)

            async def call(name, arguments):
                result = await session.call_tool(name, arguments)
                return result.isError, result.content[0].text, result.structuredContent

            assert await walk(call, site) >= set(TOOLS + KINDS)

    anyio.run(run)


@pytest.mark.parametrize("way", WAYS)
def test_progress_and_the_end_of_patience(way, api, program):
    async def run():
        told = []

        async def progress(value, total, message):
            told.append(value)

        async with connected(way, api, program) as session:
            result = await session.call_tool(
                "query_models", {"question": "How far?", "wait_seconds": 60}, progress_callback=progress)
            assert result.structuredContent["status"] == "completed"
            assert len(told) >= 3 and told == sorted(set(told)) and told[-1] == 100
            late = await session.call_tool("submit_job", {"kind": "generate", "prompt": "later", "delay": 3600})
            job = late.structuredContent["job_id"]
            with pytest.raises(McpError):
                await session.call_tool(
                    "get_job_result", {"job_id": job, "wait_seconds": 60}, read_timeout_seconds=datetime.timedelta(seconds=1))
            status = await session.call_tool("get_job_status", {"job_id": job})
            assert status.structuredContent["status"] == "scheduled"
        # Only now: this client fails over an answer that it does not wait for any more when it comes while it closes.
        assert httpx.post(f"{api}/jobs/{job}/cancel").status_code == 200

    anyio.run(run)
