"""The example package: a worker of its own, built against the library, runs a job of its kind end to end."""
import os
import pathlib
import signal
import subprocess
import time
import urllib.parse

import httpx
import pytest

PROGRAM = pathlib.Path(os.environ.get("WORD_COUNT", pathlib.Path(__file__).resolve().parents[2] / ".build/examples/debug/WordCount"))


@pytest.fixture
def start(api, home):
    """Starts the example on dev's own servers."""
    postgres = urllib.parse.quote(f"{home}/postgres/run", safe="")
    environment = {
        "PATH": "/usr/bin:/bin", "REDIS_URL": f"unix://{home}/redis/r.sock", "TIDEWHEEL_DRAIN_SECONDS": "5",
        "DATABASE_URL": f"postgresql://tidewheel@{postgres}/tidewheel"}
    started = []

    def run():
        process = subprocess.Popen([PROGRAM], env=environment)
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.wait()


def submit(api, text, **options):
    """Accepted as soon as the kind is known."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        answer = httpx.post(f"{api}/jobs", json={"kind": "word_count", "input": {"text": text}, **options}, headers={"Prefer": "wait=20"}, timeout=40)
        if answer.status_code in (200, 202):
            return answer.json()
        time.sleep(0.1)
    pytest.fail(answer.text)


def test_the_kind_of_another_package_is_run(api, start):
    process = start()
    job = submit(api, "Tide and time wait for no tide. " * 5_000)
    assert job["status"] == "completed", job
    assert job["result"] == {"words": 35_000, "most_frequent": {"tide": 10_000, "and": 5_000, "for": 5_000}}
    assert httpx.get(f"{api}/kinds/word_count").json()["registered"] is True
    empty = submit(api, "1234")
    assert (empty["status"], empty["error_type"]) == ("failed", "no_words")
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=20) == 0
