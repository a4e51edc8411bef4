"""The command line as people and scripts use it: every command in a pseudo-terminal and in a pipe, against a running installation."""
import json
import re
import signal
import subprocess
import time

import httpx
import pytest

from shell import ESCAPE, width


@pytest.fixture(scope="module")
def completed(shell):
    done = shell.pipe("job", "submit", "generate", "--set", "prompt=日本語のプロンプト", "--set", "model=echo", "--title", "題名 \x1b[31mred " + "x" * 90)
    assert done.returncode == 0, done.stderr
    job = done.stdout.strip()
    assert shell.pipe("job", "wait", job).stdout == f"{job}  completed\n"
    return job


@pytest.fixture(scope="module")
def failed(shell):
    """A dead letter: nobody may crawl that address."""
    job = shell.pipe("job", "submit", "web_crawl", "--set", "url=http://127.0.0.1:1/", "--tag", "cli").stdout.strip()
    assert shell.pipe("job", "wait", job).returncode == 1
    return job


@pytest.fixture
def scheduled(shell):
    job = shell.pipe("job", "submit", "generate", "--set", "prompt=x", "--set", "model=echo", "--delay", "1h").stdout.strip()
    yield job
    shell.pipe("job", "cancel", job)


@pytest.fixture(scope="module")
def presentation(shell):
    job = shell.pipe("job", "submit", "presentation", "--set", "topic=Tides", "--subject", "sea").stdout.strip()
    assert shell.pipe("job", "wait", job).returncode == 1
    return job


@pytest.fixture(scope="module")
def schedule(shell):
    done = shell.pipe("schedule", "create", "cli nightly", "--kind", "generate", "--expression", "30 2 * * *", "--time-zone", "Europe/Berlin",
                      "--set", "prompt=hello", "--set", "model=echo", "--priority", "low")
    assert done.returncode == 0, done.stderr
    yield "cli nightly"
    assert shell.pipe("schedule", "delete", "cli nightly").returncode == 0


# Arguments, and the status they end with; words in capitals are fixtures.
EVERYWHERE = [
    (["job", "list"], 0), (["job", "list", "--all", "--status", "completed,failed", "--kind", "generate", "--since", "1d"], 0),
    (["job", "list", "--search", "nothingliketh1s"], 0), (["job", "get", "COMPLETED"], 0), (["job", "get", "FAILED"], 0),
    (["job", "watch", "COMPLETED"], 0), (["job", "watch", "COMPLETED", "FAILED"], 1), (["job", "wait", "COMPLETED"], 0),
    (["job", "wait", "FAILED"], 1), (["job", "result", "COMPLETED"], 0), (["job", "result", "FAILED"], 1), (["job", "logs", "COMPLETED"], 0),
    (["job", "cancel", "COMPLETED"], 4), (["job", "retry", "COMPLETED"], 4), (["job", "promote", "COMPLETED"], 4),
    (["job", "cancel", "COMPLETED", "COMPLETED"], 4), (["job", "get", "nothing"], 3), (["job", "watch", "nothing"], 3), (["job", "logs", "nothing"], 3),
    (["job", "submit", "nokind"], 4), (["job", "submit", "generate", "--input", "{}"], 4), (["job", "submit", "generate", "--input", "{"], 2),
    (["job", "submit", "generate", "--set", "prompt=x", "--set", "model=echo", "--wait"], 0),
    (["job", "submit", "generate", "--set", "prompt=x", "--set", "model=echo", "--watch"], 0),
    (["job", "submit", "web_crawl", "--set", "url=http://127.0.0.1:1/", "--watch"], 1),
    (["queue", "list"], 0), (["queue", "pause", "presentations", "--by", "test"], 0), (["queue", "resume", "presentations"], 0),
    (["queue", "pause", "none"], 3), (["kind", "list"], 0), (["kind", "get", "web_crawl"], 0), (["kind", "get", "none"], 3),
    (["worker", "list"], 0), (["worker", "drain", "nobody"], 3), (["dead", "list"], 0), (["dead", "list", "--error-type", "none"], 0),
    (["dead", "retry", "--tag", "none", "--yes"], 0), (["schedule", "list"], 0), (["schedule", "get", "SCHEDULE"], 0),
    (["schedule", "change", "SCHEDULE", "--disable"], 0), (["schedule", "change", "SCHEDULE", "--expression", "never"], 4),
    (["schedule", "change", "SCHEDULE"], 2), (["schedule", "run", "SCHEDULE"], 0), (["schedule", "delete", "none"], 3),
    (["schedule", "create", "SCHEDULE", "--kind", "generate", "--expression", "@daily", "--set", "prompt=x"], 4),
    (["presentation", "list"], 0), (["presentation", "get", "PRESENTATION"], 0), (["presentation", "move", "PRESENTATION", "--to", "tides"], 0),
    (["presentation", "move", "nothing", "--to", "tides"], 4), (["subject", "list"], 0), (["subject", "rename", "none", "other"], 3),
    (["subject", "merge", "none", "--into", "tides"], 0), (["completion", "zsh"], 0), (["completion", "fish"], 0), (["man"], 0), (["man", "job", "submit"], 0),
    (["man", "none"], 2), (["--version"], 0), (["--help"], 0), (["job"], 0), (["job", "--help"], 0), (["nonsense"], 2), (["job", "nonsense"], 2),
    (["job", "submit"], 2),
]


def filled(arguments, request):
    return [request.getfixturevalue(word.lower()) if word.isupper() and len(word) > 3 else word for word in arguments]


@pytest.mark.parametrize("arguments,status", EVERYWHERE, ids=lambda value: "-".join(value) if isinstance(value, list) else "")
def test_every_command_in_a_pipe_and_on_a_terminal(shell, request, arguments, status):
    arguments = filled(arguments, request)
    piped = shell.pipe(*arguments)
    assert piped.returncode == status, piped.stdout + piped.stderr
    assert status in (0, 1) or piped.stderr.startswith("Error: "), piped.stderr
    assert status == 0 or not piped.stderr.endswith("\n\n")
    status_there, text = shell.terminal(*arguments, columns=60)
    assert status_there == status, text
    if arguments[1:2] == ["list"]:
        for line in ESCAPE.sub("", text).split("\r\n"):
            assert width(line) <= 110, line


@pytest.mark.parametrize("noun", ["job", "queue", "kind", "worker", "dead", "schedule", "presentation", "subject"])
def test_lists_in_every_form(shell, noun, completed, failed, schedule, presentation):
    table = shell.pipe(noun, "list").stdout.splitlines()
    array = shell.json(noun, "list")
    lines = [json.loads(line) for line in shell.pipe(noun, "list", "-o", "jsonl").stdout.splitlines()]
    assert len(array) == len(lines) == len(table) - 1 > 0
    assert [sorted(item) for item in array] == [sorted(item) for item in lines]


def test_a_table_fits_the_terminal_and_strangers_text_does_no_harm(shell, completed):
    for columns in (80, 100, 140):
        status, text = shell.terminal("job", "list", "--limit", "200", "--kind", "generate", columns=columns, NO_COLOR="1")
        assert status == 0
        assert "\x1b" not in text
        lines = text.split("\r\n")
        assert any("題名" in line and "…" in line for line in lines)
        assert max(map(width, lines)) <= columns
    _, text = shell.terminal("job", "list", "--limit", "5", columns=80)
    assert "\x1b[32mcompleted" in text and "\x1b[31mred" not in text
    _, text = shell.terminal("job", "list", "--color", "never", TERM="xterm")
    assert "\x1b" not in text
    done = subprocess.run([shell.program, "job", "list", "--color", "always"], env=shell.environment, capture_output=True, text=True)
    assert "\x1b[32m" in done.stdout


def test_all_goes_through_every_page(shell, api):
    jobs = [{"kind": "generate", "input": {"prompt": str(n)}, "tags": ["cli-many"], "delay": 3600} for n in range(450)]
    assert httpx.post(f"{api}/jobs/batch", json={"jobs": jobs}).json()["accepted"] == 450
    ids = [json.loads(line)["job_id"] for line in shell.pipe("job", "list", "--tag", "cli-many", "--all", "-o", "jsonl").stdout.splitlines()]
    assert len(ids) == len(set(ids)) == 450
    assert len(shell.json("job", "list", "--tag", "cli-many", "--limit", "230")) == 230
    done = shell.pipe("job", "list", "--tag", "cli-many")
    assert len(done.stdout.splitlines()) == 51 and "--all" in done.stderr
    cancelled = shell.pipe("job", "cancel", *ids)
    assert cancelled.returncode == 0 and cancelled.stdout.count("cancelled") == 450


def test_inputs_from_everywhere(shell, tmp_path):
    def prompt(*arguments, **more):
        job = shell.pipe("job", "submit", "generate", "--delay", "1h", *arguments, **more)
        assert job.returncode == 0, job.stderr
        found = json.loads(shell.pipe("job", "list", "--limit", "1", "-o", "jsonl").stdout)
        assert found["job_id"] == job.stdout.strip()
        shell.pipe("job", "cancel", job.stdout.strip())
        return httpx.get(f"{shell.environment['TIDEWHEEL_URL']}/jobs", params={"limit": 1, "fields": "input"}).json()["jobs"][0]["input"]["prompt"]

    (tmp_path / "input.json").write_text('{"prompt": "from a file"}')
    assert prompt("--input", '{"prompt": "given"}') == "given"
    assert prompt("--input", f"@{tmp_path}/input.json") == "from a file"
    assert prompt("--input", "-", input='{"prompt": "through a pipe"}') == "through a pipe"
    assert prompt("--set", "prompt=5") == "5"
    assert prompt("--input", '{"prompt": "x"}', "--set", "prompt=a=b") == "a=b"
    assert shell.pipe("job", "submit", "generate", "--input", "@/nowhere").returncode == 2


def test_a_repeated_key_is_one_job(shell):
    first, again = (shell.pipe("job", "submit", "generate", "--set", "prompt=x", "--set", "model=echo", "--idempotency-key", "cli-1") for _ in range(2))
    assert first.stdout == again.stdout != ""


def test_a_watch_on_a_terminal_draws_bars(shell, site):
    jobs = [shell.pipe("job", "submit", "web_crawl", "--set", f"url={site}/").stdout.strip() for _ in range(3)]
    status, text = shell.terminal("job", "watch", *jobs, columns=100)
    assert status == 0, text
    assert "\x1b[3A" in text and "\x1b[K" in text and "█" * 20 in text
    last = ESCAPE.sub("", text).replace("\r", "").split("\n")[-4:-1]
    assert [line.split()[0] for line in last] == jobs
    assert all("100%" in line and "completed" in line for line in last)
    status, text = shell.terminal("job", "watch", jobs[0], TERM="dumb")
    assert status == 0 and "\x1b" not in text and "completed" in text
    events = [json.loads(line) for line in shell.pipe("job", "watch", *jobs, "-o", "jsonl").stdout.splitlines()]
    for job in jobs:
        numbers = [event["seq"] for event in events if event["job_id"] == job]
        assert numbers == list(range(1, len(numbers) + 1)) and len(numbers) > 3


@pytest.mark.parametrize("where", ["pipe", "terminal"])
def test_ctrl_c_stops_the_watching_and_says_how_to_go_on(shell, scheduled, where):
    if where == "terminal":
        status, text = shell.terminal("job", "watch", scheduled, keys=b"\x03", until=b"scheduled")
    else:
        watch = subprocess.Popen([shell.program, "job", "watch", scheduled], env=shell.environment, stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, text=True, start_new_session=True)
        assert "scheduled" in watch.stdout.readline()
        watch.send_signal(signal.SIGINT)
        _, text = watch.communicate(timeout=20)
        status = watch.returncode
    assert status == 130
    assert f"tidewheel job watch {scheduled}" in text
    assert shell.json("job", "get", scheduled)["status"] == "scheduled"


def test_a_watch_outlives_the_api(shell, program, stores, scheduled):
    def serve(port):
        process = subprocess.Popen([program, "api", "--port", str(port)], env=shell.environment | stores, stdout=subprocess.PIPE,
                                   stderr=subprocess.DEVNULL, text=True)
        return process, re.search(r"http://\S+", process.stdout.readline()).group(0)

    api, url = serve(0)
    watch = subprocess.Popen([shell.program, "job", "watch", scheduled, "--url", url, "-o", "jsonl"], env=shell.environment,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert json.loads(watch.stdout.readline())["event"] == "scheduled"
    api.kill()
    api.wait()
    assert "watching goes on" in watch.stderr.readline()
    assert shell.pipe("job", "promote", scheduled).returncode == 0
    assert shell.pipe("job", "wait", scheduled).returncode == 0
    api, _ = serve(url.rsplit(":", 1)[1])
    try:
        out, err = watch.communicate(timeout=40)
        assert watch.returncode == 0 and err == ""
        numbers = [json.loads(line)["seq"] for line in out.splitlines()]
        assert numbers == list(range(2, len(numbers) + 2)) and "completed" in out
    finally:
        api.send_signal(signal.SIGTERM)
        api.wait(timeout=40)


def test_waiting_has_an_end(shell, scheduled):
    begin = time.monotonic()
    done = shell.pipe("job", "wait", scheduled, "--timeout", "1s")
    assert done.returncode == 7 and f"tidewheel job watch {scheduled}" in done.stderr
    assert time.monotonic() - begin < 10
    assert shell.pipe("job", "promote", scheduled).returncode == 0
    assert shell.pipe("job", "wait", scheduled, "--timeout", "30s").returncode == 0


def test_a_reader_that_goes_away_ends_it_quietly(shell, completed):
    for disposition in (signal.SIG_DFL, signal.SIG_IGN):
        listing = subprocess.Popen([shell.program, "completion", "bash"], env=shell.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   restore_signals=False, preexec_fn=lambda: signal.signal(signal.SIGPIPE, disposition))
        listing.stdout.close()
        assert listing.stderr.read() == b""
        assert listing.wait(timeout=20) in (-signal.SIGPIPE, 128 + signal.SIGPIPE)


def test_dead_letters_are_retried_when_somebody_says_so(shell, failed):
    asked = shell.pipe("dead", "retry", "--tag", "cli")
    assert asked.returncode == 2 and "would be retried" in asked.stderr and "--yes" in asked.stderr
    status, text = shell.terminal("dead", "retry", "--tag", "cli", keys=b"n\n", until=rb"\[y/N\]")
    assert status == 1 and "Nothing was retried" in text
    assert shell.json("job", "get", failed)["attempt"] == 1
    status, text = shell.terminal("dead", "retry", "--tag", "cli", keys=b"y\n", until=rb"\[y/N\]")
    assert status == 0 and "1 retried" in text
    assert shell.pipe("job", "wait", failed).returncode == 1
    assert shell.json("job", "get", failed)["attempt"] == 2
    assert shell.pipe("dead", "retry", "--tag", "cli", "--yes").stdout == "1 retried\n"
    assert shell.pipe("job", "wait", failed).returncode == 1


def test_presentations_are_sorted(shell, presentation):
    assert shell.pipe("presentation", "move", presentation, "--to", "sea").stdout == "1 moved to sea\n"
    assert shell.pipe("presentation", "move", presentation, "--to", "x", "--from", "elsewhere").stdout == "0 moved to x\n"
    assert shell.pipe("subject", "rename", "sea", "ocean").stdout == "1 now under ocean\n"
    assert shell.pipe("subject", "merge", "ocean", "--into", "tides").stdout == "1 now under tides\n"
    assert [item["topic"] for item in shell.json("presentation", "list", "--subject", "tides")] == ["Tides"]
    assert {item["subject"] for item in shell.json("subject", "list")} >= {"tides"}


def test_a_schedule_is_changed_by_its_name(shell, schedule):
    made = shell.json("schedule", "get", schedule)
    assert made["time_zone"] == "Europe/Berlin" and made["priority"] == "low"
    changed = shell.json("schedule", "change", schedule, "--expression", "@hourly", "--enable", "--set", "prompt=6")
    assert changed["expression"] == "@hourly" and changed["input"]["prompt"] == "6" and changed["time_zone"] == "Europe/Berlin"
    job = shell.pipe("schedule", "run", made["schedule_id"]).stdout.strip()
    assert shell.json("job", "get", job)["kind"] == "generate"


def test_without_an_api_the_next_step_is_told(shell):
    begin = time.monotonic()
    done = shell.pipe("queue", "list", TIDEWHEEL_URL="http://127.0.0.1:1")
    assert done.returncode == 5 and time.monotonic() - begin < 3
    assert "http://127.0.0.1:1" in done.stderr and "tidewheel api" in done.stderr and "TIDEWHEEL_URL" in done.stderr
    for verb in ("watch", "wait", "logs", "cancel"):
        assert shell.pipe("job", verb, "x", TIDEWHEEL_URL="http://127.0.0.1:1", timeout=10).returncode == 5
    assert shell.pipe("queue", "list", "--url", "nonsense").returncode == 2
    assert shell.pipe("queue", "list", "--key-file", "/nowhere").returncode == 1
