"""The example worker, a program of 60 lines without any library, takes jobs over HTTP: it does them, is killed, and is told to stop."""
import pathlib
import signal
import subprocess
import sys
import time

import httpx
import pytest

WORKER = pathlib.Path(__file__).resolve().parents[2] / "Examples/http-worker/worker.py"


@pytest.fixture
def start(api):
    """Starts the example worker; what was started is ended with the test."""
    started = []

    def run():
        process = subprocess.Popen(
            [sys.executable, WORKER], env={"TIDEWHEEL_URL": api, "PATH": "/usr/bin:/bin"}, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True)
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.wait()


def until(seconds, what):
    """What `what` answers as soon as it is true."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = what()
        if found:
            return found
        time.sleep(0.02)
    pytest.fail("it did not become true in time")


def known(api):
    return until(20, lambda: httpx.get(f"{api}/kinds/count_primes").status_code == 200)


def submit(api, below):
    answer = httpx.post(f"{api}/jobs", json={"kind": "count_primes", "input": {"below": below}})
    assert answer.status_code == 202, answer.text
    return answer.json()["job_id"]


def read(api, job):
    return httpx.get(f"{api}/jobs/{job}").json()


def ended(api, job, seconds=60):
    return until(seconds, lambda: (lambda d: d if d["status"] in ("completed", "failed", "cancelled") else None)(read(api, job)))


def test_it_is_short_and_needs_nothing():
    lines = WORKER.read_text().splitlines()
    assert len(lines) <= 60


def test_jobs_complete_and_what_does_not_fit_is_refused(api, start):
    start()
    known(api)
    jobs = [submit(api, below) for below in (10, 100, 45_000)]
    assert [ended(api, job)["result"] for job in jobs] == [{"primes": 4}, {"primes": 25}, {"primes": 4675}]
    refused = httpx.post(f"{api}/jobs", json={"kind": "count_primes", "input": {"below": "many"}})
    assert refused.status_code == 422 and refused.json()["errors"][0]["pointer"] == "#/input/below"
    assert any(worker["type"] == "http" and worker["queues"] == ["numbers"] for worker in httpx.get(f"{api}/workers").json()["workers"])


def test_a_refusal_ends_it_with_the_reason(api, start):
    other = {"kind": "count_odd", "summary": "Another program's", "queue": "numbers"}
    until(20, lambda: httpx.delete(f"{api}/kinds/count_primes").status_code in (204, 404))
    assert httpx.post(f"{api}/kinds", json={"kinds": [other]}).status_code == 200
    worker = start()
    assert worker.wait(timeout=20) == 1
    assert "queue-taken" in worker.stdout.read()
    assert httpx.delete(f"{api}/kinds/count_odd").status_code == 204


def test_a_killed_worker_is_followed_by_another_one(api, start):
    first = start()
    known(api)
    job = submit(api, 600_000)
    until(30, lambda: read(api, job)["progress"] > 0)
    first.send_signal(signal.SIGKILL)
    killed = time.monotonic()
    start()
    until(30, lambda: read(api, job)["attempt"] == 2)
    assert time.monotonic() - killed < 10
    assert ended(api, job)["result"] == {"primes": 49098}
    outcomes = [attempt["outcome"] for attempt in httpx.get(f"{api}/jobs/{job}/attempts").json()["attempts"]]
    assert sorted(outcomes)[0] == "completed" and len(outcomes) == 2


def test_a_frozen_worker_is_refused_when_it_wakes_up(api, start):
    first = start()
    known(api)
    job = submit(api, 200_000)
    until(30, lambda: read(api, job)["progress"] > 0)
    first.send_signal(signal.SIGSTOP)
    start()
    assert ended(api, job)["attempt"] == 2
    first.send_signal(signal.SIGCONT)
    assert until(30, lambda: first.stdout.readline()).split() == [job, "lost"]


def test_a_cancel_is_noticed(api, start):
    worker = start()
    known(api)
    job = submit(api, 10**12)
    until(30, lambda: read(api, job)["progress"] > 0 or read(api, job)["status"] == "processing")
    began = time.monotonic()
    assert httpx.post(f"{api}/jobs/{job}/cancel").status_code in (200, 202)
    assert ended(api, job)["status"] == "cancelled"
    assert time.monotonic() - began < 5
    assert worker.stdout.readline().split() == [job, "cancelled"]


def test_a_worker_that_is_asked_to_go_hands_its_job_back(api, start):
    first = start()
    known(api)
    job = submit(api, 300_000)
    until(30, lambda: read(api, job)["progress"] > 0)
    first.send_signal(signal.SIGTERM)
    assert first.stdout.readline().split() == [job, "released"]
    assert first.wait(timeout=20) == 0
    start()
    assert ended(api, job)["result"] == {"primes": 25997}
