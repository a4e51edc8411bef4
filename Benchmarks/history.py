#!/usr/bin/env python3
"""Lists and searches over a large history. Prints one JSON line per query: p50 and p99 of its first page, over HTTP.

    tidewheel migrate && tidewheel api &
    Benchmarks/history.py http://127.0.0.1:8080 "$DATABASE_URL" --fill 1000000

--fill adds so many ended jobs (and one in a thousand that waits) to the database by one SQL statement, with what the search knows of them; it
needs psql and a database whose jobs may be thrown away. Without it the jobs that are there are asked for.
"""
import argparse, http.client, json, subprocess, time
from urllib.parse import quote, urlsplit

# Words as languages have them: the n-th of 20,000 is about as frequent as 1/n. Subjects, sessions, tags and kinds from frequent to rare.
FILL = r"""
SET synchronous_commit = off;
CREATE FUNCTION pg_temp.words(n integer) RETURNS text LANGUAGE sql VOLATILE
AS $$ SELECT string_agg('w' || floor(20000 ^ random())::integer, ' ') FROM generate_series(1, n) $$;
INSERT INTO jobs (id, kind, queue, priority, status, title, subject, session_id, tags, input, metadata, result, error, error_type, progress, attempt,
    max_attempts, timeout_ms, estimated_ms, worker, created_at, started_at, updated_at, finished_at)
SELECT tidewheel.new_id(now() - (:rows - n) * interval '7 seconds'), k.kind, k.queue, 'medium', s.status, 'About ' || pg_temp.words(3),
    CASE WHEN n % 2 = 0 THEN 's' || (n * 7919) % 500 END, CASE WHEN n % 5 = 0 THEN 'c' || (n * 31) % 10000 END,
    CASE WHEN n % 3 = 0 THEN ARRAY['t' || (n * 104729) % 700, 'u' || n % 7] ELSE '{}' END,
    jsonb_build_object('url', 'https://site' || n % 5000 || '.example/page/' || n, 'max_pages', n % 50, 'note', pg_temp.words(8)), '{}',
    CASE WHEN s.status = 'completed' THEN jsonb_build_object('pages_crawled', n % 50, 'model', 'm' || n % 20, 'text', pg_temp.words(40)) END,
    CASE WHEN s.status = 'failed' THEN 'site' || n % 5000 || '.example answered ' || 400 + n % 100 END,
    CASE WHEN s.status = 'failed' THEN 'http_' || 400 + n % 100 END,
    100, 1, 3, 600000, 60000, 'w1', t.at, t.at, t.at, CASE WHEN s.status <> 'scheduled' THEN t.at + n % 600 * interval '1 second' END
FROM generate_series(1::bigint, :rows) AS n
CROSS JOIN LATERAL (SELECT now() - (:rows - n) * interval '7 seconds') AS t (at)
CROSS JOIN LATERAL (SELECT
    CASE WHEN n % 1000 = 8 THEN 'configuration' WHEN n % 10 < 5 THEN 'web_crawl' WHEN n % 10 < 8 THEN 'document' ELSE 'presentation' END,
    CASE WHEN n % 10 < 8 THEN 'ingest' ELSE 'presentations' END) AS k (kind, queue)
CROSS JOIN LATERAL (SELECT CASE WHEN n % 1000 = 1 THEN 'scheduled' WHEN n % 13 = 0 THEN 'failed' WHEN n % 50 = 3 THEN 'cancelled' ELSE 'completed' END) AS s (status);
UPDATE jobs SET scheduled_at = now() + interval '1 year' WHERE status = 'scheduled';
INSERT INTO job_search SELECT j.id, j.finished_at, tidewheel.search_words(j), tidewheel.search_document(j) FROM jobs j ON CONFLICT DO NOTHING;
VACUUM ANALYZE jobs, job_search;
"""

QUERIES = [
    "", "status=completed", "status=failed", "status=cancelled", "status=scheduled", "status=queued", "status=waiting,scheduled,queued,processing",
    "kind=web_crawl", "kind=document,presentation", "queue=ingest", "queue=presentations", "subject=s8", "session=c35", "tag=t7", "tag=u3",
    "tag=t7&tag=u3", "since={week}", "since={month}&until={week}", "kind=document&status=failed", "kind=presentation&status=cancelled",
    "queue=presentations&status=failed", "kind=web_crawl&queue=presentations", "subject=s8&status=failed", "subject=s8&kind=document",
    "session=c35&status=failed", "tag=t7&status=failed", "tag=u3&kind=document", "subject=s8&tag=u3", "kind=document&since={week}",
    "q=w3", "q=w150", "q=w15000", 'q="w150 w1"', "q=w15000 -w1", "q=w150&subject=s8", "q=w150&status=failed", "q=site77.example",
    'q=$.input.url == "https://site77.example/page/77"', 'q=$.input.max_pages == 7', 'q=$.result.model == "m7" && $.result.pages_crawled > 40',
    "q=$.input.max_pages > 48", "dead", "dead?kind=document", "dead?error_type=http_404", "dead?subject=s8", "dead?q=site77.example",
]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("database")
    parser.add_argument("--fill", type=int, default=0)
    parser.add_argument("--repeat", type=int, default=100)
    options = parser.parse_args()
    psql = ["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", options.database]
    if options.fill:
        subprocess.run(psql + ["-v", f"rows={options.fill}"], input=FILL, text=True, check=True)
    jobs = int(subprocess.run(psql + ["-c", "SELECT count(*) FROM jobs"], capture_output=True, text=True, check=True).stdout)
    connection = http.client.HTTPConnection(urlsplit(options.url).netloc)
    ago = lambda days: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - days * 86400))
    for query in QUERIES:
        text = query.format(week=ago(7), month=ago(30)) if "{" in query else query
        path, text = ("/dead-letters", text[5:]) if text.startswith("dead") else ("/jobs", text)
        pairs = [] if not text else text.split("&") if " && " not in text else [text]
        path += "?" + "&".join(f"{name}={quote(value, safe=',')}" for name, value in (pair.split("=", 1) for pair in pairs))
        times, count = [], 0
        for _ in range(options.repeat + 3):
            start = time.perf_counter()
            connection.request("GET", path)
            answer = connection.getresponse()
            body = json.loads(answer.read())
            times.append(time.perf_counter() - start)
            assert answer.status == 200, (path, body)
            count = body["count"]
        times = sorted(times[3:])
        at = lambda share: round(1000 * times[min(len(times) - 1, int(share * len(times)))], 2)
        print(json.dumps({"jobs": jobs, "query": query, "count": count, "more": body["next_cursor"] is not None, "p50_ms": at(0.5), "p99_ms": at(0.99)}), flush=True)


main()
