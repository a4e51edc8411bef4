"""httpx-sse, a client that we did not write, reads a job's events."""
import httpx
import httpx_sse


def submit(api, uri):
    answer = httpx.post(f"{api}/ingest-async", json={"source_type": "web_crawl", "source_uri": uri, "metadata": {"max_pages": 10}})
    assert answer.status_code == 202, answer.text
    return answer.json()


def follow(api, job, last=None):
    """The events of a job to the end of the stream."""
    headers = {"Last-Event-ID": last} if last else {}
    with httpx.Client(timeout=60) as client, httpx_sse.connect_sse(client, "GET", api + job["events_url"], headers=headers) as source:
        source.response.raise_for_status()
        return [] if source.response.status_code == 204 else list(source.iter_sse())


def test_a_job_is_followed_to_its_end(api, site):
    job = submit(api, f"{site}/")
    events = follow(api, job)
    assert [events[0].event, events[-1].event] == ["queued", "completed"]
    numbers = [int(event.id) for event in events]
    assert numbers == sorted(set(numbers))
    assert events[-1].json()["result"]["pages_crawled"] == 3
    progress = [event.json()["progress"] for event in events if event.event == "progress"]
    assert progress and progress == sorted(progress)


def test_a_reconnect_gets_what_it_missed_and_nothing_twice(api, site):
    job = submit(api, f"{site}/")
    events = follow(api, job)
    again = follow(api, job, last=events[1].id)
    assert [event.id for event in again] == [event.id for event in events[2:]]


def test_a_reconnect_after_the_end_is_told_not_to_come_back(api, site):
    job = submit(api, f"{site}/")
    events = follow(api, job)
    answer = httpx.get(api + job["events_url"], headers={"Last-Event-ID": events[-1].id, "Accept": "text/event-stream"})
    assert answer.status_code == 204
