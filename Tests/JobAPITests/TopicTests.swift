import JobDesk
import JobModel
import JobQueue
import TestServers
import Testing

@testable import JobAPI

@Suite(.timeLimit(.minutes(1))) struct TopicTests {
    private typealias Stream = EventStreamTests.Stream
    private typealias Event = EventStreamTests.Event

    private func path(_ ids: [JobID], _ more: String = "") -> String {
        "/events?topics=" + ids.map { "job:\($0)" }.joined(separator: ",") + more
    }

    private func submitted(_ count: Int, _ api: RunningAPI) async throws -> [JobID] {
        var ids: [JobID] = []
        for _ in 0..<count { ids.append(try #require(try await api.post("/jobs", RunningAPI.crawl).jobID)) }
        return ids
    }

    /// Numbers by job.
    private func numbers(_ events: [Event]) -> [String: [Int]] {
        events.reduce(into: [:]) { found, event in
            guard let id = event.json["job_id"]?.string, let number = event.json["seq"]?.integer else { return }
            found[id, default: []].append(number)
        }
    }

    @Test func oneStreamFollowsManyJobsToTheirEnd() async throws {
        try await withAPI { api in
            let worker = try await HandWorker(api)
            let ids = try await submitted(3, api)
            let stream = try await Stream(api, path: path(ids))
            #expect(stream.head.status == 200)
            #expect(stream.head.headers["content-type"] == "text/event-stream")
            for _ in ids { try await worker.finish(try await worker.startNext(), as: .completed(["n": 1])) }
            let events = try await stream.rest()
            #expect(events.last?.name == "end")
            #expect(events.last?.json == ["jobs": 3])
            for id in ids { #expect(numbers(events)[id.description] == [1, 2, 3]) }
            #expect(try await Stream(api, path: path(ids), ["Last-Event-ID": events.last?.id ?? ""]).head.status == 204)
        }
    }

    /// Broken off after every event once: what two streams tell together is everything, once.
    @Test func anIDResumesEveryJob() async throws {
        try await withAPI { api in
            let worker = try await HandWorker(api)
            let ids = try await submitted(2, api)
            for _ in ids {
                let claim = try await worker.startNext()
                try await worker.progress(50, of: claim)
                try await worker.finish(claim, as: .completed([:]))
            }
            let all = try await Stream(api, path: path(ids)).rest()
            #expect(all.count == 9)
            for count in 1..<all.count {
                let seen = Array(all.prefix(count))
                let rest = try await Stream(api, path: path(ids), ["Last-Event-ID": seen.last?.id ?? ""])
                if rest.head.status == 204 {
                    #expect(count == 8)
                    continue
                }
                let together = numbers(seen + (try await rest.rest()))
                for id in ids { #expect(together[id.description] == [1, 2, 3, 4]) }
            }
        }
    }

    @Test func aTopicMayBeginAtANumberAndAJobThatIsGoneIsTold() async throws {
        try await withAPI { api in
            let worker = try await HandWorker(api)
            let ids = try await submitted(1, api)
            try await worker.finish(try await worker.startNext(), as: .completed([:]))
            let gone = JobID()
            let events = try await Stream(api, path: path(ids, "@2,job:\(gone)")).rest()
            #expect(events.map(\.name).sorted() == ["completed", "end", "gone"])
            #expect(events.first { $0.name == "gone" }?.json == ["job_id": .string(gone.description)])
            #expect(try await api.get(path([gone])).status == 404)
        }
    }

    @Test(arguments: [
        "", "?topics=", "?topics=job:x", "?topics=queue:ingest", "?topics=job:01a1fd4b-d913-7997-ab2f-7353d2c1dce1@x", "?other=1",
        "?topics=job:01a1fd4b-d913-7997-ab2f-7353d2c1dce1@9223372036854775807",
        "?topics=job:01a1fd4b-d913-7997-ab2f-7353d2c1dce1,job:01a1fd4b-d913-7997-ab2f-7353d2c1dce1",
    ])
    func topicsThatAreNoneAreRefused(query: String) async throws {
        try await withAPI { api in
            let answer = try await api.get("/events" + query)
            #expect(answer.status == 400)
            #expect(answer.problem == "invalid-query")
        }
    }

    @Test func anIDOfOtherTopicsIsRefused() async throws {
        try await withAPI { api in
            let ids = try await submitted(2, api)
            let greatest = Topics(ids[0], at: .max).id
            #expect(try await api.get(path([ids[0]]), ["Last-Event-ID": greatest]).status == 400)
            for id in ["1", "x:y", Topics(ids[0], at: 1).id, try Topics("job:\(ids[1]),job:\(ids[0])").id] {
                let answer = try await api.get(path(ids), ["Last-Event-ID": id])
                #expect(answer.status == 400)
                #expect(answer.problem == "invalid-header")
            }
            let many = (0...Topics.most).map { _ in "job:\(JobID())" }.joined(separator: ",")
            #expect(throws: Problem.self) { try Topics(many) }
        }
    }

    @Test func theStreamEndsWithTheServerAndWithoutEnd() async throws {
        try await withAPI { api in
            let stream = try await Stream(api, path: path(try await submitted(1, api)))
            #expect(try await stream.event()?.name == "queued")
            await api.shutDown()
            #expect(try await stream.rest() == [])
        }
    }

    @Test func whoCannotBeToldMoreIsNotToldOfAnEnd() async throws {
        try await withAPI { api in
            let ids = try await submitted(1, api)
            let stream = try await Stream(api, path: path(ids))
            let socket = try await SocketClient(api)
            try await socket.watch(ids[0])
            #expect(try await stream.event()?.name == "queued")
            #expect(try await socket.messages(upTo: "status").count == 2)
            await api.desk.queue.close()
            #expect(try await stream.rest() == [])
            #expect(try await socket.frame() == .close(1001))
        }
    }
}
