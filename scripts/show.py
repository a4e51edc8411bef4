#!/usr/bin/env python3
"""Starts `tidewheel dev`, submits one crawl, shows it live, prints its result and rows; used by scripts/run. Standard library only."""
import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

# Loopback is not asked through a proxy.
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Dev:
    """The running `tidewheel dev`: its output, its address, its end."""

    def __init__(self, program, arguments):
        self.url, self.database = None, os.environ.get("DATABASE_URL")
        self.process = subprocess.Popen([program, "dev", *arguments], stdout=subprocess.PIPE, text=True, start_new_session=True)
        for line in self.process.stdout:
            print(line, end="", flush=True)
            found = re.match(r"tidewheel dev is ready: (\S+)", line)
            database = re.match(r"\s*Postgres\s+psql '(.+)'", line)
            self.database = database.group(1) if database else self.database
            if found:
                self.url = found.group(1)
                break
        if not self.url:
            sys.exit(f"`tidewheel dev` ended with status {self.process.wait()}; the lines above say why")
        threading.Thread(target=self.pass_on, daemon=True).start()

    def pass_on(self):
        for line in self.process.stdout:
            print(line, end="", flush=True)

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        return self.process.wait()


def post(url, body):
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    try:
        with opener.open(request, timeout=30) as response:
            return json.load(response)
    except urllib.error.HTTPError as error:
        sys.exit(f"the API refused the job: {error.read().decode(errors='replace')}")


def events(url):
    """Server-sent events as (id, name, data); connects again where it left off until the server says that there is no more."""
    last = ""
    while True:
        request = urllib.request.Request(url, headers={"Accept": "text/event-stream", **({"Last-Event-ID": last} if last else {})})
        try:
            with opener.open(request, timeout=60) as response:
                if response.status == 204:
                    return
                name, data = "message", []
                for raw in response:
                    line = raw.decode("utf-8").rstrip("\r\n")
                    if not line:
                        if data:
                            yield last, name, json.loads("\n".join(data))
                        name, data = "message", []
                    elif line.startswith("id:"):
                        last = line[3:].strip()
                    elif line.startswith("event:"):
                        name = line[6:].strip()
                    elif line.startswith("data:"):
                        data.append(line[5:].removeprefix(" "))
        except (TimeoutError, urllib.error.URLError, ConnectionError):
            time.sleep(1)


def bar(percent, text):
    width = shutil.get_terminal_size((100, 20)).columns
    filled = int(percent / 100 * 30)
    line = f"[{'#' * filled}{'.' * (30 - filled)}] {percent:5.1f} %  {text}"[: width - 1]
    if sys.stdout.isatty():
        print(f"\r\033[K{line}", end="", flush=True)
    else:
        print(line, flush=True)


def follow(url):
    """Shows the progress until the job ends; returns its status."""
    for _, name, data in events(url):
        if name in ("completed", "failed", "cancelled"):
            bar(100 if name == "completed" else data.get("progress") or 0, name)
            print()
            return name
        bar(float(data.get("progress") or 0), data.get("message") or data.get("step") or name)
    return "unknown"


def rows(database, job):
    """The job's rows, as anyone would ask for them."""
    if not database or not re.fullmatch(r"[0-9a-f-]{36}", job):
        return
    statements = [
        f"SELECT id, kind, status, attempt, started_at::timestamp(0), finished_at - started_at AS took FROM jobs WHERE id = '{job}'",
        f"SELECT uri, title, chunk_count FROM documents WHERE job_id = '{job}' ORDER BY uri LIMIT 12",
    ]
    for statement in statements:
        print(f"\ntidewheel=# {statement};", flush=True)
        subprocess.run(["psql", "-X", "-P", "pager=off", "-d", database, "-c", statement], check=False)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", required=True)
    parser.add_argument("--site", required=True)
    parser.add_argument("--port", default="8080")
    parser.add_argument("--url")
    parser.add_argument("--once", action="store_true")
    given = parser.parse_args()
    os.environ.setdefault("TIDEWHEEL_LOG_LEVEL", "warning")
    arguments = ["--port", given.port, "--site", given.site]
    if given.url:
        # Who starts this names the site: it may be one of his own network, which jobs may not fetch from otherwise.
        arguments += ["--allow", urllib.parse.urlsplit(given.url).netloc.rpartition("@")[2]]
    dev = Dev(given.program, arguments)
    status = "unknown"
    try:
        uri = given.url or f"{dev.url}/site/index.html"
        print(f"\n==> POST /ingest-async: crawl {uri}")
        job = post(f"{dev.url}/ingest-async", {"source_type": "web_crawl", "source_uri": uri, "metadata": {"max_pages": 50}})
        print(f"202 Accepted: job {job['job_id']}\n==> GET {job['events_url']}")
        base = "" if job["events_url"].startswith("http") else dev.url
        status = follow(base + job["events_url"])
        with opener.open(f"{dev.url}/jobs/{job['job_id']}", timeout=30) as response:
            document = json.load(response)
        print("==> The result")
        print(json.dumps(document.get("result") or {"error": document.get("error")}, indent=2, ensure_ascii=False))
        print("==> In SQL")
        rows(dev.database, job["job_id"])
        if not given.once:
            print(f"\n==> Running at {dev.url} until Ctrl-C. Try: curl -s {dev.url}/jobs/{job['job_id']}", flush=True)
            dev.process.wait()
    except KeyboardInterrupt:
        print("\n==> Stopping")
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    finally:
        dev.stop()
    return 0 if status == "completed" else 1


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
    sys.exit(main())
