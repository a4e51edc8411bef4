"""10,000 watchers of 100 jobs on one API process: what each takes of its memory, and how long an event is on its way to the last of them.

    swift build -c release --product tidewheel
    python3 Benchmarks/watchers.py --sse 5000 --ws 5000 --jobs 100
    python3 Benchmarks/watchers.py --ws 0 --topics                            # server-sent events by /events?topics= instead of /jobs/{id}/events

Starts `tidewheel dev` with one worker and private servers. Jobs are scheduled far away, watched by everybody, and then promoted, one after the
other (--pace) and the rest at once; each makes about six events. The clients are raw sockets under epoll in processes of their own, one for
server-sent events and one for WebSockets. An event's way begins with the timestamp that its maker wrote into it, in whole milliseconds and
before Redis was told, and ends when its bytes are read.
"""
import argparse
import collections
import http.client
import json
import multiprocessing
import os
import re
import resource
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from datetime import datetime

FOUND = re.compile(rb'"event":"([a-z]+)"')
STAMP = re.compile(rb'"timestamp":"([0-9T:.-]+)Z"')
JOB = re.compile(rb'"job_id":"([0-9a-f-]{36})"')
SEQ = re.compile(rb'"seq":([0-9]+)')
ENDS = (b"completed", b"failed", b"cancelled")


def stamped(text, known={}):
    """Milliseconds since the epoch; the same few texts come again and again."""
    if text not in known:
        known[text] = datetime.fromisoformat(text.decode() + "+00:00").timestamp() * 1000
    return known[text]


class Watcher:
    def __init__(self, kind, job, port):
        self.kind, self.job, self.unread, self.ended = kind, job.encode(), b"", False
        self.events = 0
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        if kind == "ws":
            self.socket.sendall(b"GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                                b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
            self.head(b"101")
            text = json.dumps({"type": "watch", "job_id": job}).encode()
            self.socket.sendall(bytes([0x81, 0x80 | len(text), 0, 0, 0, 0]) + text)
        else:
            path = f"/events?topics=job:{job}" if kind == "topics" else f"/jobs/{job}/events"
            self.socket.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n".encode())
            self.head(b"200")

    def head(self, status):
        text = b""
        while b"\r\n\r\n" not in text:
            text += self.socket.recv(4096) or sys.exit("the API closed the connection")
        head, self.unread = text.split(b"\r\n\r\n", 1)
        if status not in head.split(b"\r\n")[0]:
            sys.exit(f"{self.kind}: {text.decode()}")

    def read(self, told):
        data = self.socket.recv(65536)
        self.take(data, told)
        return bool(data)

    def take(self, data, told):
        """Tells (job, sequence, made, read, name) of each event that is complete."""
        now = time.time() * 1000
        data = self.unread + data
        if self.kind == "ws":
            messages, self.unread = frames(data, self.socket)
        else:
            parts = data.split(b"\n\n")
            messages, self.unread = parts[:-1], parts[-1]
        for message in messages:
            name, stamp, number = FOUND.search(message), STAMP.search(message), SEQ.search(message)
            if not (name and stamp and number) or b'"ended"' in message:
                continue
            self.events += 1
            told.append((self.job, int(number[1]), stamped(stamp[1]), now, name[1]))
            self.ended = self.ended or name[1] in ENDS


def frames(data, connection):
    """Whole frames of a server: never masked."""
    messages, place = [], 0
    while len(data) >= place + 2:
        length, start = data[place + 1] & 0x7F, place + 2
        if length == 126:
            length, start = int.from_bytes(data[start:start + 2], "big"), start + 2
        elif length == 127:
            length, start = int.from_bytes(data[start:start + 8], "big"), start + 8
        if len(data) < start + length or start > len(data):
            break
        if data[place] == 0x89:
            connection.sendall(bytes([0x8A, 0x80, 0, 0, 0, 0]))
        else:
            messages.append(data[start:start + length])
        place = start + length
    return messages, data[place:]


def watch(kind, count, jobs, port, pipe):
    """A process of watchers: says when all have heard of their jobs, and in the end what came when."""
    poll, watchers, told = select.epoll(), {}, []
    for number in range(count):
        watcher = Watcher(kind, jobs[number % len(jobs)], port)
        watchers[watcher.socket.fileno()] = watcher
        # The first events may have come with the head.
        watcher.take(b"", told)
        poll.register(watcher.socket.fileno(), select.EPOLLIN)
    told_ready, open_ones = False, dict(watchers)
    while open_ones:
        for descriptor, _ in poll.poll(1):
            watcher = watchers[descriptor]
            if not watcher.read(told):
                poll.unregister(descriptor)
                open_ones.pop(descriptor, None)
            elif watcher.ended:
                open_ones.pop(descriptor, None)
        if not told_ready and all(w.events for w in watchers.values()):
            told_ready = True
            told.clear()
            pipe.send("ready")
        if pipe.poll():
            break
    pipe.send((told, sum(w.ended for w in watchers.values())))


def ask(port, method, path, body=None):
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request(method, path, json.dumps(body) if body is not None else None, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    document = json.loads(answer.read() or b"null")
    assert answer.status < 300, document
    return document


def status(pid, name):
    for line in open(f"/proc/{pid}/status"):
        if line.startswith(name + ":"):
            return int(line.split()[1])


def share(values, part):
    return sorted(values)[min(len(values) - 1, int(len(values) * part))] if values else None


def start(program, most):
    directory = tempfile.mkdtemp(prefix="tw-", dir="/tmp")
    os.chmod(directory, 0o711)
    dev = subprocess.Popen(
        [program, "dev", "--port", "0", "--directory", directory + "/d", "--workers", "1", "--set", f"TIDEWHEEL_MAX_CONNECTIONS={most}",
         "--set", f"TIDEWHEEL_MAX_EVENT_STREAMS={most}"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    for line in dev.stdout:
        found = re.match(r"tidewheel dev is ready: http://[^:]+:(\d+)", line)
        if found:
            break
    children = subprocess.run(["pgrep", "-P", str(dev.pid), "-f", " api"], capture_output=True, text=True).stdout.split()
    import threading
    threading.Thread(target=lambda: [None for _ in dev.stdout], daemon=True).start()
    return dev, int(found[1]), int(children[0])


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--program", default=".build/release/tidewheel")
    options.add_argument("--sse", type=int, default=5000)
    options.add_argument("--ws", type=int, default=5000)
    options.add_argument("--jobs", type=int, default=100)
    options.add_argument("--paced", type=int, default=80, help="jobs that are promoted one after the other")
    options.add_argument("--pace", type=float, default=0.25, help="seconds between them")
    options.add_argument("--topics", action="store_true", help="server-sent events by /events?topics=")
    given = options.parse_args()
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    dev, port, api = start(given.program, given.sse + given.ws + 200)
    try:
        measure(given, port, api)
    finally:
        dev.send_signal(signal.SIGINT)
        dev.wait(60)


def measure(given, port, api):
    jobs = [
        ask(port, "POST", "/jobs", {"kind": "generate", "input": {"prompt": f"number {n}", "model": "echo", "cache": "off"},
                                    "delay": 86400})["job_id"] for n in range(given.jobs)]
    for _ in range(200):
        ask(port, "GET", "/livez")
    time.sleep(2)
    before, groups = status(api, "VmRSS"), []
    print(json.dumps({"rss_before_mb": round(before / 1024, 1)}))
    for kind, count in (("topics" if given.topics else "sse", given.sse), ("ws", given.ws)):
        if not count:
            continue
        ours, theirs = multiprocessing.Pipe()
        began, floor = time.time(), status(api, "VmRSS")
        process = multiprocessing.Process(target=watch, args=(kind, count, jobs, port, theirs), daemon=True)
        process.start()
        assert ours.recv() == "ready"
        took = time.time() - began
        time.sleep(2)
        now = status(api, "VmRSS")
        print(json.dumps({"watchers": kind, "count": count, "connected_s": round(took, 1), "kb_each": round((now - floor) / count, 1),
                          "rss_mb": round(now / 1024, 1)}), flush=True)
        groups.append((kind, count, ours, process))
    total = sum(count for _, count, _, _ in groups)
    print(json.dumps({"watchers": "together", "count": total, "kb_each": round((status(api, "VmRSS") - before) / total, 1)}))
    run(given, port, jobs)
    told, ended = collections.defaultdict(list), 0
    for kind, count, pipe, process in groups:
        if not pipe.poll(30):
            pipe.send("stop")
        events, ends = pipe.recv()
        ended += ends
        for job, sequence, made, read, name in events:
            told[(job.decode(), sequence)].append(read - made)
    print(json.dumps({"terminal_events": ended, "of": total, "rss_after_mb": round(status(api, "VmRSS") / 1024, 1)}))
    alone = {job for job in jobs[:given.paced]}
    for label, chosen in (("one job at a time", alone), ("all the rest at once", set(jobs) - alone)):
        ways = [way for (job, _), values in told.items() if job in chosen for way in values]
        last = [max(values) for (job, _), values in told.items() if job in chosen]
        if ways:
            print(json.dumps({"fan_out": label, "events": len(last), "deliveries": len(ways), "p50_ms": round(share(ways, 0.5), 1),
                              "p99_ms": round(share(ways, 0.99), 1), "last_watcher_p50_ms": round(share(last, 0.5), 1),
                              "last_watcher_p99_ms": round(share(last, 0.99), 1), "max_ms": round(max(ways), 1)}))


def run(given, port, jobs):
    for job in jobs[:given.paced]:
        ask(port, "POST", f"/jobs/{job}/promote")
        time.sleep(given.pace)
    time.sleep(1)
    for job in jobs[given.paced:]:
        ask(port, "POST", f"/jobs/{job}/promote")


main()
