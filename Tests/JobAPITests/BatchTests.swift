import JobDesk
import JobLedger
import JobModel
import JobQueue
import TestServers
import Testing

@testable import JobAPI

@Suite(.timeLimit(.minutes(1))) struct BatchTests {
    private static let note: JSONValue = ["kind": "note", "input": ["text": "t"]]

    private func items(_ answer: RunningAPI.Answer) -> [JSONValue] {
        answer.json["items"]?.array ?? []
    }

    private func ids(_ answer: RunningAPI.Answer) -> [String?] {
        items(answer).map { $0["job_id"]?.string }
    }

    @Test func everyMemberIsAcceptedOrRefusedForItself() async throws {
        try await withAPI { api in
            let answer = try await api.post(
                "/jobs/batch",
                [
                    "jobs": [
                        RunningAPI.crawl, ["kind": "web_crawl", "input": [:]], BatchTests.note, ["kind": "juggling"], 7,
                        ["kind": "note", "input": ["text": "t"], "delay": 3600],
                    ]
                ])
            #expect(answer.status == 202)
            #expect(answer.json["accepted"] == 3)
            #expect(answer.json["refused"] == 3)
            let items = items(answer)
            #expect(items.compactMap { $0["index"]?.integer } == [0, 1, 2, 3, 4, 5])
            #expect(items.compactMap { $0["status"]?.integer } == [202, 422, 202, 422, 422, 202])
            #expect(items[1]["problem"]?["errors"]?.array?.first?["pointer"] == "#/jobs/1/input/url")
            #expect(items[3]["problem"]?["type"] == "urn:tidewheel:problem:unknown-kind")
            #expect(items[4]["problem"]?["errors"]?.array?.first?["pointer"] == "#/jobs/4")
            #expect(items[5]["job_status"] == "scheduled")
            for (item, kind) in [(items[0], "web_crawl"), (items[2], "note")] {
                let id = try #require(item["job_id"]?.string.flatMap { JobID($0) })
                #expect(try await api.desk.read(id).kind == kind)
                #expect(try await api.desk.queue.job(id)?.state == .queued)
            }
        }
    }

    @Test func aRepeatedBatchIsAnsweredWithItsFirstJobs() async throws {
        try await withAPI { api in
            let batch: JSONValue = ["jobs": [RunningAPI.crawl, BatchTests.note, ["kind": "juggling"], RunningAPI.crawl]]
            let first = try await api.post("/jobs/batch", batch, ["Idempotency-Key": "b1"])
            let second = try await api.post("/jobs/batch", batch, ["Idempotency-Key": "b1"])
            #expect(ids(first) == ids(second))
            #expect(Set(ids(first).compactMap(\.self)).count == 3, "equal members at different places are different jobs")
            #expect(items(second).map { $0["idempotency_replayed"] } == [true, true, nil, true])
            #expect(items(first).allSatisfy { $0["idempotency_replayed"] == nil })
            let changed = (RunningAPI.crawl.object ?? [:]).merging(["title": "other"]) { $1 }
            let other = try await api.post("/jobs/batch", ["jobs": [.object(changed), BatchTests.note]], ["Idempotency-Key": "b1"])
            #expect(items(other).map { $0["status"] } == [422, 202])
            #expect(items(other)[0]["problem"]?["type"] == "urn:tidewheel:problem:idempotency-conflict")
        }
    }

    @Test(arguments: [RunningAPI.crawl, note])
    func aMembersKeyIsTheKeyOfASingleSubmission(body: JSONValue) async throws {
        try await withAPI { api in
            let single = try await api.post("/jobs", body, ["Idempotency-Key": "k1"])
            let keyed = JSONValue.object((body.object ?? [:]).merging(["idempotency_key": "k1"]) { $1 })
            let fresh = JSONValue.object((body.object ?? [:]).merging(["idempotency_key": "k2"]) { $1 })
            let batch = try await api.post("/jobs/batch", ["jobs": [keyed, fresh, fresh]])
            #expect(ids(batch)[0] == single.jobID?.description)
            #expect(ids(batch)[1] == ids(batch)[2], "one key, one job, in one batch too")
            #expect(try await api.post("/jobs", body, ["Idempotency-Key": "k2"]).jobID?.description == ids(batch)[1])
        }
    }

    @Test func whatIsNoBatchIsRefusedAsAWhole() async throws {
        try await withAPI { api in
            for (body, pointer) in [
                ("{}", "#/jobs"), (#"{"jobs":[]}"#, "#/jobs"), (#"{"jobs":{}}"#, "#/jobs"), (#"{"jobs":[{}],"more":1}"#, "#/more"),
                (#"{"jobs":[\#(Array(repeating: "{}", count: 1_001).joined(separator: ","))]}"#, "#/jobs"),
            ] {
                let answer = try await api.post("/jobs/batch", text: body)
                #expect(answer.status == 422)
                #expect(answer.json["errors"]?.array?.first?["pointer"]?.string == pointer)
            }
            let large = try await api.send(
                "POST", "/jobs/batch", ["Content-Type": "application/json", "Content-Length": "\(9 << 20)", "Connection": "close"])
            #expect(large.status == 413)
            #expect(large.json["limit_bytes"] == 8_388_608)
        }
    }

    @Test func aMemberMayNotBeLargerThanASingleSubmission() async throws {
        try await withAPI { api in
            let text = String(repeating: "x", count: 1 << 20)
            let answer = try await api.post(
                "/jobs/batch", ["jobs": [["kind": "web_crawl", "input": ["url": .string(text)]], BatchTests.note]])
            #expect(items(answer).map { $0["status"] } == [422, 202])
            #expect(items(answer)[0]["problem"]?["errors"]?.array?.first?["pointer"] == "#/jobs/0/input")
        }
    }

    @Test func aThousandRecordedJobsAreAllInBothStoresAndInTheirOrder() async throws {
        try await withAPI { api in
            let start = ContinuousClock.now
            let answer = try await api.post("/jobs/batch", ["jobs": .array(Array(repeating: RunningAPI.crawl, count: 1_000))])
            let took = ContinuousClock.now - start
            let ids = ids(answer).compactMap { $0.flatMap { JobID($0) } }
            #expect(Set(ids).count == 1_000)
            #expect(try await api.desk.ledger.jobs(ids).count == 1_000)
            #expect(try await api.desk.queue.known(ids).count == 1_000)
            let worker = try await HandWorker(api)
            #expect(try await worker.startNext().job.id == ids[0])
            #expect(took < .seconds(10), "a busy machine; the promise is measured by the bench")
        }
    }
}
