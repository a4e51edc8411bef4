#!/usr/bin/env python3
"""Model servers, permits and token events, measured from both ends: the servers and the watchers live in this process, on one clock.

    Benchmarks/models.py .build/release/tidewheel --jobs 200 --servers 3 --permits 3

Starts `tidewheel dev` on private servers. Prints one JSON line:
  first_token_ms  from the moment a server sends the first word to its arrival at a watcher of the job's event stream
  hand_over_ms    from the end of an answer to the beginning of the next request at that server, while jobs wait: permit, script, word, request
  most_at_once    of each server; never more than its permits
With --kill a worker is killed with -9 in the middle: what it held comes back when its death is noticed, and hand-overs are not measured.
"""
import argparse, asyncio, json, os, re, signal, shutil, sys, tempfile, time


class Server:
    """As much of an Ollama as a chat needs."""

    def __init__(self, model, pace, words):
        self.model, self.pace, self.words = model, pace, words
        self.begins, self.ends, self.running, self.most = [], [], 0, 0
        self.before_first = None
        self.first_sent = None

    async def start(self):
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        self.port = self.server.sockets[0].getsockname()[1]

    async def serve(self, reader, writer):
        try:
            while line := await reader.readline():
                path, length = line.split()[1].decode(), 0
                while (header := await reader.readline()) not in (b"\r\n", b""):
                    name, _, value = header.partition(b":")
                    length = int(value) if name.lower() == b"content-length" else length
                await reader.readexactly(length)
                if path == "/api/chat":
                    await self.chat(writer)
                else:
                    self.plain(writer, path)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    def plain(self, writer, path):
        tag = {"name": self.model + ":latest", "digest": self.model * 8, "capabilities": ["completion"]}
        body = json.dumps({"models": [tag]} if path == "/api/tags" else {"version": "0"}).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

    async def chat(self, writer):
        self.begins.append(time.perf_counter())
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            if self.before_first:
                await self.before_first()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n")
            for number in range(self.words):
                self.line(writer, {"message": {"role": "assistant", "content": f" word{number}"}, "done": False})
                await writer.drain()
                if number == 0:
                    self.first_sent = time.perf_counter()
                await asyncio.sleep(self.pace)
            self.line(writer, {"message": {"content": ""}, "done": True, "done_reason": "stop"})
            writer.write(b"0\r\n\r\n")
            await writer.drain()
        finally:
            # Before anybody can answer to the end.
            self.running -= 1
            self.ends.append(time.perf_counter())

    @staticmethod
    def line(writer, value):
        data = json.dumps(value).encode() + b"\n"
        writer.write(b"%x\r\n%s\r\n" % (len(data), data))

    def hand_overs(self, permits):
        """The k-th end lets the (k + permits)-th request in, as long as somebody waits."""
        return [begin - end for end, begin in zip(self.ends, self.begins[permits:])]


async def request(port, method, path, body=None):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    data = json.dumps(body).encode() if body is not None else b""
    head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
    writer.write(head.encode() + data)
    answer = await reader.read()
    writer.close()
    return json.loads(answer.partition(b"\r\n\r\n")[2] or b"{}")


async def submit(port, model, text):
    input = {"model": model, "cache": "off", "messages": [{"role": "user", "content": text}]}
    job = await request(port, "POST", "/jobs", {"kind": "chat", "input": input, "max_attempts": 10})
    if "job_id" not in job:
        sys.exit(f"refused: {job}")
    return job["job_id"]


async def events(port, job):
    """(name, moment of arrival) of each event."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET /jobs/{job}/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
    while line := await reader.readline():
        if line.startswith(b"event: "):
            name = line[7:].strip().decode()
        if line.startswith(b"data: "):
            yield name, line, time.perf_counter()
            if name in ("completed", "failed", "cancelled"):
                break
    writer.close()


async def first_tokens(port, server, rounds):
    times = []
    for number in range(rounds):
        listening = asyncio.Event()
        server.before_first = listening.wait
        job = await submit(port, server.model, f"round {number}")
        arrived = None
        async for name, line, moment in events(port, job):
            if name == "progress" and b'"step":"ask"' in line:
                listening.set()
            if name == "token" and arrived is None:
                arrived = moment
        times.append(arrived - server.first_sent)
    server.before_first = None
    return times


def spread(seconds):
    times = sorted(1000 * second for second in seconds)
    at = lambda part: round(times[min(len(times) - 1, int(part * len(times)))], 2)
    return {"n": len(times), "p50": at(0.5), "p99": at(0.99), "max": round(times[-1], 2)}


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    for name, standard in (("jobs", 200), ("servers", 3), ("permits", 3), ("workers", 4), ("slots", 20), ("words", 10), ("rounds", 100)):
        parser.add_argument("--" + name, type=int, default=standard)
    parser.add_argument("--pace-ms", type=float, default=40)
    parser.add_argument("--kill", action="store_true")
    options = parser.parse_args()
    servers = [Server(f"m{number}", options.pace_ms / 1000, options.words) for number in range(options.servers)]
    for server in servers:
        await server.start()
    directory = tempfile.mkdtemp(prefix="tw-", dir="/tmp")
    os.chmod(directory, 0o711)
    environment = os.environ | {
        "OLLAMA_URL": ",".join(f"http://127.0.0.1:{server.port}" for server in servers), "TIDEWHEEL_MODEL_PERMITS": str(options.permits),
        "TIDEWHEEL_SLOTS": str(options.slots), "TIDEWHEEL_LOG_LEVEL": "warning"}
    dev = await asyncio.create_subprocess_exec(
        options.program, "dev", "--port", "0", "--workers", str(options.workers), "--directory", directory + "/d", env=environment,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT)
    try:
        port, said = None, []
        while port is None and (line := await dev.stdout.readline()):
            said.append(line.decode())
            found = re.search(r"dev is ready: http://127.0.0.1:(\d+)", line.decode())
            port = int(found.group(1)) if found else None
        if port is None:
            sys.exit("dev did not start:\n" + "".join(said))
        silence = asyncio.create_task(dev.stdout.read())
        tokens = await first_tokens(port, servers[0], options.rounds)
        for server in servers:
            server.begins, server.ends, server.most = [], [], 0
        jobs = await asyncio.gather(*(submit(port, servers[n % len(servers)].model, f"job {n}") for n in range(options.jobs)))
        if options.kill:
            await asyncio.sleep(options.jobs / len(servers) / options.permits * options.words * options.pace_ms / 1000 / 3)
            workers = (await request(port, "GET", "/workers"))["workers"]
            os.kill(next(w["pid"] for w in workers if w["running"] > 0), signal.SIGKILL)
        states = {}
        for job in jobs:
            while (state := (await request(port, "GET", f"/jobs/{job}"))["status"]) not in ("completed", "failed", "cancelled"):
                await asyncio.sleep(0.2)
            states[state] = states.get(state, 0) + 1
        gaps = [gap for server in servers for gap in server.hand_overs(options.permits)]
        print(json.dumps({
            "first_token_ms": spread(tokens), "hand_over_ms": None if options.kill else spread(gaps), "most_at_once": [server.most for server in servers],
            "permits": options.permits, "jobs": states}))
        silence.cancel()
    finally:
        dev.send_signal(signal.SIGINT)
        await dev.wait()
        shutil.rmtree(directory, ignore_errors=True)


asyncio.run(main())
