"""standardwebhooks, a library that we did not write, verifies what receivers are told."""
import datetime
import http.server
import json
import os
import queue
import signal
import threading

import httpx
import pytest
import standardwebhooks
import standardwebhooks.webhooks


class Receiver:
    """An HTTP server that keeps what it is told; `answer` gives status and headers, or None to hang until the end."""

    def __init__(self, answer=lambda: (204, {}), host="127.0.0.1"):
        self.told = queue.Queue()
        self.count = 0
        self.answer = answer
        self.closing = threading.Event()
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.count += 1
                receiver.told.put((body, dict(self.headers.items())))
                answer = receiver.answer()
                if answer is None:
                    receiver.closing.wait(60)
                    return
                self.send_response(answer[0])
                for name, value in answer[1].items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_GET = do_POST

            def log_message(self, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer((host, 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://{host}:{self.server.server_port}/hook"

    def next(self, timeout=60):
        return self.told.get(timeout=timeout)

    def close(self):
        self.closing.set()
        self.server.shutdown()


@pytest.fixture
def receiver():
    receivers = []

    def make(*arguments, **named):
        receivers.append(Receiver(*arguments, **named))
        return receivers[-1]

    yield make
    for one in receivers:
        one.close()


def subscribe(api, receiver, subject):
    answer = httpx.post(f"{api}/webhooks", json={"url": receiver.url, "subjects": [subject]})
    assert answer.status_code == 201, answer.text
    return answer.json()


def end(api, site, subject, **more):
    """A job that has ended."""
    job = {"kind": "document", "input": {"uri": f"{site}/tides"}, "subject": subject, **more}
    answer = httpx.post(f"{api}/jobs", json=job, headers={"Prefer": "wait=60"}, timeout=70)
    assert answer.status_code == 200 and answer.json()["status"] == "completed", answer.text
    return answer.json()


def delivery(api, webhook, **query):
    found = httpx.get(f"{api}/webhooks/{webhook}/deliveries", params=query).json()["deliveries"]
    assert len(found) == 1
    return httpx.get(f"{api}/webhooks/{webhook}/deliveries/{found[0]['delivery_id']}").json()


def wait(api, sender, status):
    """The delivery's job once it has this status: its events end with it, or tell of a retry."""
    with httpx.stream("GET", f"{api}/jobs/{sender}/events", timeout=60) as stream:
        for line in stream.iter_lines():
            if line == f"event: {status}":
                return
    pytest.fail(f"{sender} was never {status}")


def test_what_comes_is_verified(api, site, receiver, output):
    told = receiver()
    webhook = subscribe(api, told, "verified")
    job = end(api, site, "verified", metadata={"words": "ümläut \u2028 </script>"})
    body, headers = told.next()
    payload = standardwebhooks.Webhook(webhook["secret"]).verify(body, headers)
    assert payload["type"] == "job.completed"
    assert payload["data"]["job_id"] == job["job_id"]
    assert payload["data"]["result"] == job["result"]
    assert payload["data"]["metadata"] == {"words": "ümläut \u2028 </script>"}
    shown = httpx.get(f"{api}/webhooks/{webhook['webhook_id']}").text + json.dumps(delivery(api, webhook["webhook_id"]))
    assert webhook["secret"][6:] not in shown + "".join(output)


def test_a_wrong_secret_and_a_changed_message_are_noticed(api, site, receiver):
    told = receiver()
    webhook = subscribe(api, told, "tampered")
    end(api, site, "tampered")
    body, headers = told.next()
    right = standardwebhooks.Webhook(webhook["secret"])
    right.verify(body, headers)
    other = httpx.post(f"{api}/webhooks", json={"url": told.url, "subjects": ["nobody"]}).json()["secret"]
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        standardwebhooks.Webhook(other).verify(body, headers)
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        right.verify(body.replace(b"job.completed", b"job.cancelled"), headers)
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        right.verify(body, {**headers, "webhook-id": "another"})


def test_a_replay_is_too_old(api, site, receiver, monkeypatch):
    told = receiver()
    webhook = subscribe(api, told, "replay")
    end(api, site, "replay")
    body, headers = told.next()
    verifier = standardwebhooks.Webhook(webhook["secret"])
    verifier.verify(body, headers)
    # The same bytes with a newer time are not what was signed.
    fresh = str(int(headers["webhook-timestamp"]) + 1)
    with pytest.raises(standardwebhooks.WebhookVerificationError, match="signature"):
        verifier.verify(body, {**headers, "webhook-timestamp": fresh})

    class Later(datetime.datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.datetime.now(tz) + datetime.timedelta(minutes=6)

    monkeypatch.setattr(standardwebhooks.webhooks, "datetime", Later)
    with pytest.raises(standardwebhooks.WebhookVerificationError, match="too old"):
        verifier.verify(body, headers)


def test_during_a_rotation_either_secret_does(api, site, receiver):
    told = receiver()
    webhook = subscribe(api, told, "rotation")
    new = httpx.post(f"{api}/webhooks/{webhook['webhook_id']}/secret").json()["secret"]
    end(api, site, "rotation")
    body, headers = told.next()
    for secret in (webhook["secret"], new):
        standardwebhooks.Webhook(secret).verify(body, headers)
    httpx.post(f"{api}/webhooks/{webhook['webhook_id']}/secret", json={"secret": new, "overlap_seconds": 0})
    end(api, site, "rotation")
    body, headers = told.next()
    standardwebhooks.Webhook(new).verify(body, headers)
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        standardwebhooks.Webhook(webhook["secret"]).verify(body, headers)


def test_a_single_job_tells_its_own_receiver(api, site, receiver):
    told = receiver()
    secret = httpx.post(f"{api}/webhooks/jobs/secret").json()["secret"]
    job = end(api, site, "single", webhook={"url": told.url})
    body, headers = told.next()
    assert standardwebhooks.Webhook(secret).verify(body, headers)["data"]["job_id"] == job["job_id"]


def test_a_redirect_to_a_private_address_is_not_followed(api, site, receiver):
    inner = receiver(host="127.0.0.2")
    told = receiver(lambda: (302, {"Location": inner.url}))
    webhook = subscribe(api, told, "redirect")
    end(api, site, "redirect")
    told.next()
    sender = delivery(api, webhook["webhook_id"])["sender"]
    wait(api, sender, "retrying")
    seen = delivery(api, webhook["webhook_id"])
    assert [(a["status"], a["error_type"]) for a in seen["attempts"]] == [(302, "redirect")]
    assert seen["status"] == "pending" and seen["next_attempt_at"]
    assert inner.count == 0


def test_private_and_plain_receivers_are_refused(api, site, receiver):
    inner = receiver(host="127.0.0.2")
    for url in (inner.url, "https://127.0.0.2/", "https://[::1]/", "https://169.254.169.254/", "http://example.com/"):
        answer = httpx.post(f"{api}/webhooks", json={"url": url})
        assert answer.status_code == 422 and answer.json()["errors"][0]["pointer"] == "#/url", url
    # What the door cannot see is refused when it is dialled: the name has a private address.
    webhook = httpx.post(f"{api}/webhooks", json={"url": "https://localhost/", "subjects": ["inside"]}).json()
    end(api, site, "inside")
    sender = delivery(api, webhook["webhook_id"])["sender"]
    wait(api, sender, "failed")
    assert delivery(api, webhook["webhook_id"])["attempts"][0]["error_type"] == "refused_address"
    assert inner.count == 0


def test_what_is_sent_again_is_the_same_message(api, site, receiver):
    told = receiver()
    webhook = subscribe(api, told, "again")
    end(api, site, "again")
    first = told.next()
    seen = delivery(api, webhook["webhook_id"])
    wait(api, seen["sender"], "completed")
    again = httpx.post(f"{api}/webhooks/{webhook['webhook_id']}/deliveries/{seen['delivery_id']}/resend")
    assert again.status_code == 202, again.text
    second = told.next()
    assert second[0] == first[0] and second[1]["webhook-id"] == first[1]["webhook-id"] == seen["delivery_id"]
    standardwebhooks.Webhook(webhook["secret"]).verify(*second)
    wait(api, again.json()["sender"], "completed")
    assert [a["status"] for a in delivery(api, webhook["webhook_id"])["attempts"]] == [204, 204]


def test_a_worker_that_is_killed_in_the_middle_leaves_the_message_to_the_next(api, site, receiver):
    answers = iter([None])
    told = receiver(lambda: next(answers, (204, {})))
    webhook = subscribe(api, told, "killed")
    end(api, site, "killed")
    first = told.next()
    workers = httpx.get(f"{api}/workers").json()["workers"]
    sender = httpx.get(f"{api}/jobs/{delivery(api, webhook['webhook_id'])['sender']}").json()["worker"]
    os.kill(next(w["pid"] for w in workers if w["name"] == sender), signal.SIGKILL)
    second = told.next()
    assert second[0] == first[0] and second[1]["webhook-id"] == first[1]["webhook-id"]
    standardwebhooks.Webhook(webhook["secret"]).verify(*second)
    seen = delivery(api, webhook["webhook_id"])
    wait(api, seen["sender"], "completed")
    assert told.count == 2 and delivery(api, webhook["webhook_id"])["status"] == "delivered"
