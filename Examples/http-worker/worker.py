#!/usr/bin/env python3
"""A worker in plain Python: counts primes. TIDEWHEEL_URL says where the API is, TIDEWHEEL_KEY is a key with the scope `work`."""
import json, os, signal, socket, sys, threading, time, urllib.error, urllib.request

URL = os.environ.get("TIDEWHEEL_URL", "http://127.0.0.1:8080")
KIND = {
    "kind": "count_primes", "summary": "Counts the primes below a number", "queue": "numbers", "timeout_seconds": 3600,
    "input_schema": {"type": "object", "required": ["below"], "properties": {"below": {"type": "integer", "minimum": 2}}}}
leaving = threading.Event()


def ask(path, body, patience=40):
    """The answer of the API; None when the lease is lost. An API that is away is asked again. Who may not register or claim ends."""
    headers = {"Content-Type": "application/json", "Authorization": "Bearer " + os.environ.get("TIDEWHEEL_KEY", "none")}
    while True:
        try:
            request = urllib.request.Request(URL + path, json.dumps(body).encode(), headers)
            return json.load(urllib.request.urlopen(request, timeout=patience))
        except urllib.error.HTTPError as error:
            if error.code < 429 and path not in ("/kinds", "/work/claim"):
                return None
            print(error.code, error.read().decode(), flush=True)
            if error.code < 429:
                sys.exit(1)
        except OSError as error:
            print(error, flush=True)
        time.sleep(1)


def beat(job, stop, ended):
    """Says once a second that the job goes on, whatever the job does meanwhile; one that hangs must not cost the lease, of seven."""
    while not ended.wait(job["heartbeat_seconds"]):
        answer = ask(f"/work/{job['lease']}/heartbeat", {}, patience=2)
        if answer is None or answer["cancel_requested"]:
            stop.set()


def count(job, stop):
    below, primes = job["input"]["below"], 0
    for number in range(2, below):
        primes += all(number % divisor for divisor in range(2, int(number**0.5) + 1))
        if number % 20_000 == 0:
            if stop.is_set() or leaving.is_set():
                return {"status": "cancelled" if stop.is_set() else "released"}
            ask(f"/work/{job['lease']}/progress", {"progress": 100 * number / below, "step": "count", "message": f"{primes} so far"})
    return {"status": "completed", "result": {"primes": primes}}


signal.signal(signal.SIGTERM, lambda *_: leaving.set())
ask("/kinds", {"kinds": [KIND]})
while not leaving.is_set():
    claim = {"worker": f"{socket.gethostname()}-{os.getpid()}", "kinds": [KIND["kind"]], "wait": 5}
    for job in ask("/work/claim", claim)["jobs"]:
        threading.Thread(target=beat, args=(job, stop := threading.Event(), ended := threading.Event()), daemon=True).start()
        try:
            end = count(job, stop)
        except Exception as error:
            end = {"status": "failed", "error": {"message": str(error) or repr(error), "type": type(error).__name__}}
        ended.set()
        print(job["job_id"], "lost" if ask(f"/work/{job['lease']}/settle", end) is None else end["status"], flush=True)
