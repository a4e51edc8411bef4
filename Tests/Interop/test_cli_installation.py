"""The command line around an installation: keys, the doctor, completion, manual pages, the API's description, workers that leave."""
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import time

import httpx
import pytest


def test_keys_come_from_the_environment_or_a_file(shell, program, stores, tmp_path):
    api = subprocess.Popen([program, "api", "--port", "0", "--set", "TIDEWHEEL_API_KEYS=required"], env=shell.environment | stores,
                           stdout=subprocess.PIPE, text=True)
    try:
        url = re.search(r"http://\S+", api.stdout.readline()).group(0)
        key = shell.pipe("key", "create", "--name", "cli", "--scopes", "read", **stores).stdout.strip()
        assert key.startswith("twk_")
        (tmp_path / "key").write_text(key + "\n")
        missing = shell.pipe("queue", "list", "--url", url)
        assert missing.returncode == 6 and "TIDEWHEEL_API_KEY" in missing.stderr
        assert shell.pipe("queue", "list", "--url", url, TIDEWHEEL_API_KEY="twk_wrong").returncode == 6
        deadline = time.monotonic() + 20
        while shell.pipe("queue", "list", "--url", url, TIDEWHEEL_API_KEY=key).returncode != 0 and time.monotonic() < deadline:
            pass
        assert shell.pipe("queue", "list", "--url", url, "--key-file", str(tmp_path / "key")).returncode == 0
        assert shell.pipe("queue", "list", "--url", url, TIDEWHEEL_API_KEY_FILE=str(tmp_path / "key")).returncode == 0
        denied = shell.pipe("queue", "pause", "models", "--url", url, TIDEWHEEL_API_KEY=key)
        assert denied.returncode == 6 and "manage" in denied.stderr and key not in denied.stderr
        listed = shell.pipe("key", "list", **stores)
        assert "cli" in listed.stdout
        assert "cli" in [item["name"] for item in shell.json("key", "list", **stores)]
        assert shell.pipe("key", "revoke", key, **stores).returncode == 0
    finally:
        api.send_signal(signal.SIGTERM)
        assert api.wait(timeout=40) == 0


def test_the_doctor_finds_nothing_wrong(shell, stores):
    report = shell.pipe("doctor", "-o", "json", TIDEWHEEL_MODELS="echo", **stores)
    checks = json.loads(report.stdout)
    # Only the stand-in for a model is worth a warning.
    assert {check["name"] for check in checks["checks"] if check["status"] != "ok"} == {"models"}, report.stdout
    assert report.returncode == 8 and checks["status"] == "warn"
    assert len(checks["checks"]) > 15
    status, text = shell.terminal("doctor", columns=120, TIDEWHEEL_MODELS="echo", **stores)
    assert status == 8 and "\x1b[32mok" in text and "→" in text
    quiet = shell.pipe("doctor", "--quiet", TIDEWHEEL_MODELS="echo", **stores)
    assert len(quiet.stdout.splitlines()) == 2


def test_the_doctor_says_what_is_away_and_takes_no_longer_than_it_may(shell, tmp_path):
    begin = time.monotonic()
    report = shell.pipe("doctor", "-o", "jsonl", "--within", "4s", "--url", "http://127.0.0.1:1", REDIS_URL="redis://127.0.0.1:1",
                        DATABASE_URL="postgresql://127.0.0.1:1/x", OLLAMA_URL="http://127.0.0.1:1", QDRANT_URL="http://127.0.0.1:1",
                        TIDEWHEEL_DECK_DIRECTORY=str(tmp_path / "none"))
    assert time.monotonic() - begin < 15
    assert report.returncode == 1
    checks = {check["name"]: check for check in map(json.loads, report.stdout.splitlines())}
    assert {name for name, check in checks.items() if check["status"] == "fail"} >= {"redis", "postgresql", "models", "qdrant", "TIDEWHEEL_DECK_DIRECTORY"}
    assert all(check["mend"] for check in checks.values() if check["status"] != "ok")


def test_the_doctor_sees_what_is_set_wrong(shell, stores):
    redis = ["redis-cli", "-s", stores["REDIS_URL"].removeprefix("unix://")]
    try:
        subprocess.run([*redis, "config", "set", "maxmemory-policy", "allkeys-lru"], check=True, capture_output=True)
        subprocess.run([*redis, "config", "set", "hash-max-listpack-value", "64"], check=True, capture_output=True)
        report = shell.pipe("doctor", "--quiet", **stores)
        assert report.returncode == 1
        assert "noeviction" in report.stdout and "hash-max-listpack-value 1024" in report.stdout
    finally:
        subprocess.run([*redis, "config", "set", "maxmemory-policy", "noeviction"], check=True, capture_output=True)
        subprocess.run([*redis, "config", "set", "hash-max-listpack-value", "1024"], check=True, capture_output=True)


def test_bash_completes_commands_flags_and_kinds(shell, tmp_path):
    directory = tmp_path / "bin"
    directory.mkdir()
    (directory / "tidewheel").symlink_to(pathlib.Path(shell.program).resolve())
    script = tmp_path / "completion"
    script.write_text(shell.pipe("completion", "bash").stdout)
    subprocess.run(["bash", "-n", script], check=True)
    environment = shell.environment | {"PATH": f"{directory}:{os.environ['PATH']}"}

    def complete(line):
        words = line.split(" ")
        ask = (f"source {script}; COMP_LINE='{line}'; COMP_POINT=${{#COMP_LINE}}; COMP_WORDS=({' '.join(words[:-1])} '{words[-1]}'); "
               f"COMP_CWORD={len(words) - 1}; _tidewheel tidewheel '{words[-1]}' '{words[-2]}'; printf '%s\\n' \"${{COMPREPLY[@]}}\"")
        done = subprocess.run(["bash", "--norc", "-c", ask], env=environment, capture_output=True, text=True, timeout=30)
        assert done.returncode == 0, done.stderr
        return {word.strip() for word in done.stdout.splitlines() if word.strip()}

    assert complete("tidewheel job s") == {"submit"}
    assert complete("tidewheel sch") == {"schedule"}
    assert "--idempotency-key" in complete("tidewheel job submit --id")
    assert complete("tidewheel job list --status comp") == {"completed"}
    assert complete("tidewheel kind get web_") == {"web_crawl"}
    assert complete("tidewheel queue pause in") == {"ingest"}
    assert complete("tidewheel completion b") == {"bash"}


def test_bash_completes_at_a_prompt(shell, tmp_path):
    directory = tmp_path / "bin"
    directory.mkdir()
    (directory / "tidewheel").symlink_to(pathlib.Path(shell.program).resolve())
    rc = tmp_path / "rc"
    rc.write_text(f"PS1='ready> '\nbind 'set enable-bracketed-paste off'\n{shell.pipe('completion', 'bash').stdout}\n")
    _, text = shell.terminal("--rcfile", str(rc), "-i", program=shutil.which("bash"), until=b"ready> ",
                             keys=b"echo tidewheel kind get; tidewheel kind g\tweb_\t >/dev/null && echo it-$((20+1)); exit\n",
                             PATH=f"{directory}:{os.environ['PATH']}")
    assert "tidewheel kind get web_crawl" in text and "it-21" in text


def test_manual_pages_have_no_faults(shell, tmp_path):
    assert shell.pipe("man", "--directory", str(tmp_path)).returncode == 0
    pages = sorted(tmp_path.glob("*.1"))
    assert len(pages) > 50
    assert {"tidewheel.1", "tidewheel-job-submit.1", "tidewheel-worker-drain.1", "tidewheel-doctor.1"} <= {page.name for page in pages}
    if not shutil.which("man") or not shutil.which("groff"):
        pytest.skip("there is no man(1) to read them with")
    for page in pages:
        done = subprocess.run(["man", "--warnings=w", "-l", str(page)], env=os.environ | {"MANWIDTH": "80", "LC_ALL": "C.UTF-8", "MANPAGER": "cat"},
                              capture_output=True, text=True)
        assert done.returncode == 0 and done.stderr == "", f"{page.name}: {done.stderr}"
        assert "NAME" in done.stdout and "SYNOPSIS" in done.stdout
    text = subprocess.run(["man", "-l", str(tmp_path / "tidewheel-job-submit.1")], capture_output=True, text=True,
                          env=os.environ | {"MANWIDTH": "100", "LC_ALL": "C.UTF-8", "MANPAGER": "cat"}).stdout
    assert "--idempotency-key" in text and "tidewheel-job(1)" in text.replace(" (1)", "(1)")


def test_openapi_is_what_the_api_gives(shell, api):
    served = httpx.get(f"{api}/openapi.json").json()
    assert served["openapi"].startswith("3.1")
    assert json.loads(shell.pipe("openapi", "--live").stdout) == served
    # Without an API, from the program alone.
    assert json.loads(shell.pipe("openapi", TIDEWHEEL_URL="http://127.0.0.1:1").stdout)["paths"].keys() == served["paths"].keys()


def test_a_worker_that_is_drained_leaves(shell):
    """Last: dev starts another one in its place."""
    before = [worker for worker in shell.json("worker", "list") if worker["status"] == "alive"]
    assert shell.pipe("worker", "drain", before[0]["name"]).stdout == f"{before[0]['name']}  draining\n"
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        alive = {worker["name"] for worker in shell.json("worker", "list") if worker["status"] == "alive"}
        if len(alive) == len(before) and not alive & {worker["name"] for worker in before}:
            break
        time.sleep(0.2)
    else:
        pytest.fail(f"{before} and {alive}")
