"""What was crawled is found by POST /search, with nothing but HTTP."""
import datetime

import httpx
import pytest

from test_events import follow, submit


@pytest.fixture(scope="module")
def crawled(api, site):
    job = submit(api, f"{site}/")
    assert follow(api, job)[-1].event == "completed"
    return job


def search(api, **body):
    answer = httpx.post(f"{api}/search", json=body, timeout=30)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_the_page_that_is_meant_comes_first(api, site, crawled):
    found = search(api, query="how many masts has a ketch?")
    assert found["model"] == "echo" and found["count"] == len(found["results"])
    best = found["results"][0]
    assert (best["source"], best["title"], best["chunk"]) == (f"{site}/boats", "Boats", 0)
    assert "two masts" in best["text"]
    assert 0 < best["score"] <= 1
    assert [hit["score"] for hit in found["results"]] == sorted((hit["score"] for hit in found["results"]), reverse=True)
    job = httpx.get(f"{api}/jobs/{best['job_id']}").json()
    assert job["kind"] == "web_crawl" and job["status"] == "completed"


def test_filters_leave_only_what_fits(api, site, crawled):
    assert [hit["source"] for hit in search(api, query="masts", source=f"{site}/tid")["results"]] == [f"{site}/tides"]
    assert search(api, query="masts", source="http://other/")["count"] == 0
    times = {hit["source"]: hit["ingested_at"] for hit in search(api, query="masts", source=f"{site}/")["results"]}
    assert len(times) == 3
    last = max(times.values())
    later = [hit["source"] for hit in search(api, query="masts", source=f"{site}/", since=last)["results"]]
    assert sorted(later) == sorted(source for source, time in times.items() if time == last)
    ahead = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)).isoformat()
    assert search(api, query="masts", since=ahead)["count"] == 0
    # The stand-in takes words in any order.
    assert [hit["source"] for hit in search(api, query="two masts has a ketch", min_score=0.999)["results"]] == [f"{site}/boats"]
    assert search(api, query="two masts", min_score=0.999)["count"] == 0


def test_a_page_that_is_crawled_again_is_found_once(api, site, crawled):
    assert follow(api, submit(api, f"{site}/"))[-1].event == "completed"
    hits = search(api, query="ketch", source=f"{site}/boats")["results"]
    assert [hit["chunk"] for hit in hits] == [0]


def test_what_does_not_fit_is_a_problem(api):
    for body in ({}, {"query": " "}, {"query": "q", "limit": 51}, {"query": "q", "since": "now"}, {"query": "q", "more": 1}):
        answer = httpx.post(f"{api}/search", json=body)
        assert answer.status_code == 422, (body, answer.text)
        assert answer.headers["content-type"] == "application/problem+json" and answer.json()["errors"]
    assert httpx.get(f"{api}/search").status_code == 405
    assert httpx.post(f"{api}/search?limit=3", json={"query": "q"}).status_code == 400
