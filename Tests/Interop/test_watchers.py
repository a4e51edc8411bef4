"""Clients that we did not write (websockets, httpx-sse) lose their connections at random during a job, and see every number once."""
import asyncio
import json
import random

import httpx
import httpx_sse
import pytest
import websockets


def submit(api):
    """A job with some dozen events."""
    job = {"kind": "thinking", "input": {"question": f"why are there tides? {random.random()}", "num_thinking_steps": 10}}
    answer = httpx.post(f"{api}/jobs", json=job)
    assert answer.status_code == 202, answer.text
    return answer.json()["job_id"]


def kept(api, job):
    """Numbers of all events, as the API has them in the end."""
    return [event["seq"] for event in httpx.get(f"{api}/jobs/{job}/log").json()["events"]]


async def by_socket(api, job, chance):
    """Numbers as they came over WebSockets that are closed after any message."""
    numbers, connections = [], 0
    while True:
        connections += 1
        # Without max_queue=None this client stops reading while messages wait, and then misses the answer to its close for ten seconds.
        async with websockets.connect(api.replace("http", "ws") + "/ws", max_queue=None) as socket:
            await socket.send(json.dumps({"type": "watch", "job_id": job, "after": numbers[-1] if numbers else 0}))
            async for text in socket:
                message = json.loads(text)
                assert message["type"] != "error", message
                if message["type"] == "ended":
                    return numbers, connections
                if message["type"] != "watching" and "seq" in message:
                    numbers.append(message["seq"])
                if chance.random() < 0.3:
                    break


async def by_events(api, jobs, chance):
    """The same over /events, for several jobs at once."""
    numbers, connections, last = {job: [] for job in jobs}, 0, None
    url = f"{api}/events?topics=" + ",".join(f"job:{job}" for job in jobs)
    async with httpx.AsyncClient(timeout=60) as client:
        while True:
            connections += 1
            async with httpx_sse.aconnect_sse(client, "GET", url, headers={"Last-Event-ID": last} if last else {}) as source:
                if source.response.status_code == 204:
                    return numbers, connections
                assert source.response.status_code == 200
                async for event in source.aiter_sse():
                    last = event.id or last
                    if event.event == "end":
                        return numbers, connections
                    data = event.json()
                    if "seq" in data:
                        numbers[data["job_id"]].append(data["seq"])
                    if chance.random() < 0.3:
                        break


@pytest.mark.parametrize("seed", range(3))
def test_every_number_comes_once(api, seed):
    async def run():
        jobs = [submit(api) for _ in range(3)]
        chances = [random.Random(seed * 10 + n) for n in range(4)]
        *sockets, (streams, connections) = await asyncio.gather(
            *(by_socket(api, job, chance) for job, chance in zip(jobs, chances)), by_events(api, jobs, chances[3]))
        for job, (numbers, count) in zip(jobs, sockets):
            expected = kept(api, job)
            assert expected == list(range(1, len(expected) + 1)) and len(expected) > 4
            assert numbers == expected
            assert streams[job] == expected
            assert count > 1
        assert connections > 1

    asyncio.run(asyncio.wait_for(run(), 120))


def test_a_close_is_answered(api):
    async def run():
        async with websockets.connect(api.replace("http", "ws") + "/ws", ping_interval=0.2, subprotocols=["tidewheel"]) as socket:
            assert socket.subprotocol == "tidewheel"
            await (await socket.ping())
            await socket.send('{"type": "ping", "id": "x"}')
            assert json.loads(await socket.recv()) == {"type": "pong", "id": "x"}
        assert socket.close_code == 1000

    asyncio.run(run())


def test_a_page_of_another_site_gets_no_socket(api):
    async def run():
        with pytest.raises(websockets.InvalidStatus) as refusal:
            await websockets.connect(api.replace("http", "ws") + "/ws", origin="https://evil.example")
        assert refusal.value.response.status_code == 403
        assert refusal.value.response.headers["Content-Type"] == "application/problem+json"

    asyncio.run(run())
