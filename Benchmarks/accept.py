#!/usr/bin/env python3
"""Open-loop load on POST /jobs: requests leave on schedule, whatever the answers do. Prints one JSON line.

    Benchmarks/accept.py http://127.0.0.1:8080 --rate 500 --seconds 20

Latency counts from the moment a request was due, so a server that stalls cannot hide it. The jobs are `document` jobs of a file that
does not exist, recorded like any other. They are due in an hour, so that the door is measured and not the work behind it; with --run they
run at once, and the workers share the processors.
"""
import argparse, asyncio, json, time
from urllib.parse import urlsplit


class Connection:
    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer

    async def post(self, host, path, body):
        self.writer.write(
            b"POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
            % (path.encode(), host.encode(), len(body), body))
        status = int((await self.reader.readline()).split()[1])
        length = 0
        while (line := await self.reader.readline()) not in (b"\r\n", b""):
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        await self.reader.readexactly(length)
        return status


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("--rate", type=float, default=500)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--run", action="store_true")
    options = parser.parse_args()
    parts = urlsplit(options.url)
    idle, latencies, statuses, most = [], [], {}, 0
    job = {"kind": "document", "input": {"uri": "upload:0199c0de-0000-7000-8000-000000000000"}, "max_attempts": 1}
    body = json.dumps(job if options.run else job | {"delay": 3600}).encode()

    async def one(due):
        try:
            connection = idle.pop() if idle else Connection(*await asyncio.open_connection(parts.hostname, parts.port))
            status = await connection.post(parts.netloc, "/jobs", body)
            idle.append(connection)
        except Exception as error:
            status = type(error).__name__
        latencies.append(time.perf_counter() - due)
        statuses[str(status)] = statuses.get(str(status), 0) + 1

    start, tasks = time.perf_counter() + 0.1, set()
    for number in range(int(options.rate * options.seconds)):
        due = start + number / options.rate
        if (wait := due - time.perf_counter()) > 0:
            await asyncio.sleep(wait)
        task = asyncio.create_task(one(due))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        most = max(most, len(tasks))
    await asyncio.gather(*tasks)
    latencies.sort()
    at = lambda share: round(1000 * latencies[min(len(latencies) - 1, int(share * len(latencies)))], 2)
    print(json.dumps({
        "rate": options.rate, "requests": len(latencies), "statuses": statuses, "p50_ms": at(0.5), "p90_ms": at(0.9), "p99_ms": at(0.99),
        "p999_ms": at(0.999), "max_ms": at(1), "most_in_flight": most}))


asyncio.run(main())
