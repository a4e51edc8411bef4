"""The official SDK (2.x), a client that we did not write: over HTTP and standard input and output, in both eras."""
import contextlib
import time

import anyio
import mcp_types
import pytest
from every_tool import KINDS, TOOLS, walk
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters
from mcp.shared.exceptions import MCPError

ERAS = [("auto", "2026-07-28"), ("legacy", "2025-11-25")]
WAYS = [(way, *era) for way in ("http", "stdio") for era in ERAS]


@contextlib.asynccontextmanager
async def connected(way, mode, api, program):
    server = f"{api}/mcp" if way == "http" else StdioServerParameters(command=program, args=["mcp"], env={"TIDEWHEEL_URL": api})
    async with Client(server, mode=mode) as client:
        yield client


@pytest.mark.parametrize("way,mode,version", WAYS)
def test_every_tool_is_listed_and_called(way, mode, version, api, program, site):
    async def run():
        async with connected(way, mode, api, program) as client:
            assert client.session.protocol_version == version
            listed = (await client.list_tools()).tools
            names = [tool.name for tool in listed]
            assert names[:len(TOOLS)] == TOOLS and set(KINDS) <= set(names)
            assert [tool.name for tool in (await client.list_tools()).tools] == names
            assert all(tool.description and tool.output_schema and tool.annotations for tool in listed)

            async def call(name, arguments):
                result = await client.call_tool(name, arguments)
                return result.is_error, result.content[0].text, result.structured_content

            assert await walk(call, site) >= set(TOOLS + KINDS)

    anyio.run(run)


@pytest.mark.parametrize("way,mode,version", WAYS)
def test_progress_is_told_while_a_tool_waits(way, mode, version, api, program):
    async def run():
        told = []

        async def progress(value, total, message):
            told.append((value, total, message))

        async with connected(way, mode, api, program) as client:
            result = await client.call_tool(
                "query-models", {"question": "How far?", "waitSeconds": 60}, progress_callback=progress)
            assert not result.is_error and result.structured_content["status"] == "completed"
        values = [value for value, _, _ in told]
        assert len(values) >= 3 and values == sorted(set(values)) and values[-1] == 100
        assert {total for _, total, _ in told} == {100} and any("has answered" in (message or "") for _, _, message in told)

    anyio.run(run)


@pytest.mark.parametrize("way,mode,version", WAYS)
def test_a_call_that_is_cancelled_stops_the_waiting_and_not_the_job(way, mode, version, api, program):
    async def run():
        async with connected(way, mode, api, program) as client:
            late = await client.call_tool("submit_job", {"kind": "generate", "prompt": "later", "delay": 3600})
            job = late.structured_content["job_id"]
            begun = time.monotonic()
            with anyio.move_on_after(1) as scope:
                await client.call_tool("get_job_result", {"job_id": job, "wait_seconds": 60})
            assert scope.cancelled_caught
            # The connection serves on, and the job is what it was.
            status = await client.call_tool("get_job_status", {"job_id": job})
            assert status.structured_content["status"] == "scheduled" and status.structured_content["cancel_requested"] is False
            await client.call_tool("cancel_job", {"job_id": job})
        assert time.monotonic() - begun < 20

    anyio.run(run)


@pytest.mark.parametrize("way,mode,version", WAYS)
def test_what_is_wrong_is_told_so_that_a_model_can_mend_it(way, mode, version, api, program):
    async def run():
        async with connected(way, mode, api, program) as client:
            with pytest.raises(MCPError) as caught:
                await client.call_tool("get_job_progres", {"job_id": "x"})
            assert caught.value.error.code == mcp_types.INVALID_PARAMS and "get_job_progress" in caught.value.error.message
            result = await client.call_tool("crawl_web", {"ur": "https://example.com", "max_pages": "many"})
            text = result.content[0].text
            assert result.is_error and "- url: is required" in text and "did you mean url?" in text and "- max_pages: " in text
            result = await client.call_tool("get_job_status", {"job_id": "nothing"})
            assert result.is_error and "list_jobs" in result.content[0].text

    anyio.run(run)


def test_calls_at_once_are_answered_each(api, program):
    async def run():
        async with connected("stdio", "auto", api, program) as client:
            late = (await client.call_tool("submit_job", {"kind": "generate", "prompt": "later", "delay": 3600})).structured_content["job_id"]
            results = []

            async def ask(seconds):
                await client.call_tool("get_job_progress", {"job_id": late, "wait_seconds": seconds})
                results.append(seconds)

            async with anyio.create_task_group() as group:
                group.start_soon(ask, 3)
                group.start_soon(ask, 0)
            assert results == [0, 3]
            await client.call_tool("cancel_job", {"job_id": late})

    anyio.run(run)
