import JobDesk
import JobModel
import JobQueue
import TestServers
import Testing

/// The flows of the Lamish Projection Engine over HTTP: create, watch, read, list, cancel.
@Suite(.serialized, .timeLimit(.minutes(2))) struct LamishFlowTests {
    private let narrative: JSONValue = [
        "narrative": "Your narrative text here", "persona": "philosopher", "namespace": "lamish-galaxy", "style": "academic",
    ]

    private func percents(_ system: ModelSystem, _ id: JobID) async throws -> [Double] {
        var percents: [Double] = []
        for try await event in try await system.desk.events(of: id, after: nil) {
            if event.name == "progress", let percent = try JSONReader.read(event.json)["progress"]?.number { percents.append(percent) }
            if event.isTerminal { break }
        }
        return percents
    }

    @Test func aProjectionIsCreatedWatchedAndRead() async throws {
        try await ModelSystem.run(StandInOllama(StandInModel.panel)) { system in
            let created = try await system.send("POST", "/api/projection/create", narrative)
            let id = try #require(created.jobID)
            #expect(created.status == 202 && created.json["status"] == "pending" && created.json["type"] == "projection")
            #expect(created.header("location") == "/api/jobs/\(id)" && created.json["id"] == created.json["job_id"])
            #expect(created.json["queuePosition"]?.integer == 1 && created.json["estimated_seconds"] == 60)
            #expect(Set(try await percents(system, id)) == [0, 16.7, 33.3, 50, 66.7, 83.3, 100])
            let done = try await system.get("/api/jobs/\(id)")
            #expect(done["status"] == "completed" && done["title"] == "Projection: philosopher, lamish-galaxy, academic")
            #expect(done["description"] == "Your narrative text here" && done["input_data"] == narrative)
            #expect(done["result_data"]?["projection"] == "some words" && done["started_at"]?.string != nil)
            #expect(done["completed_at"]?.string != nil && done["result_data"]?["model"] == "llama3.2")
        }
    }

    @Test func aRoundTripADialogueAndAConfiguration() async throws {
        try await ModelSystem.run(StandInOllama(StandInModel.panel)) { system in
            let trip = try await system.send("POST", "/api/translation/round-trip", ["text": "some words", "languages": ["German"]])
            let tripID = try #require(trip.jobID)
            #expect(Set(try await percents(system, tripID)) == [0, 20, 40, 60, 80, 100])
            let returned = try await system.get("/api/jobs/\(tripID)")["result_data"]
            #expect(returned?["drift"]?["semantic_drift"] == 0 && returned?["drift"]?["embedding_model"] == "nomic-embed-text")

            let dialogue = try await system.send("POST", "/api/maieutic/start", ["narrative": "n", "depth": 2, "title": "Mine"])
            let done = try await system.ended(try #require(dialogue.jobID))
            #expect(done["title"] == "Mine" && done["result_data"]?["questions"]?.array?.count == 2)
            let session = try #require(done["result_data"]?["session_id"]?.string)
            #expect(try await system.get("/conversations/\(session)")["message_count"] == 3)
            // The speaker answers: whoever leads the dialogue hears what it is about.
            let answer = try await system.submit(
                "chat",
                ["model": "qwen3", "messages": [["role": "user", "content": "Because."]], "include_history": true],
                ["session_id": .string(session)])
            #expect(try await system.ended(answer)["result_data"]?["history_messages"] == 3)

            let configuration = try await system.send(
                "POST", "/api/configuration/generate", ["description": "a play", "count": 1], [("Prefer", "wait=30")])
            #expect(configuration.status == 200 && configuration.json["status"] == "completed")
            #expect(configuration.json["result_data"]?["personas"]?.array?.count == 1)

            let list = try await system.get("/api/jobs?limit=2")
            #expect(list["jobs"]?.array?.map { $0["type"] } == ["configuration", "chat"])
            let cursor = try #require(list["next_cursor"]?.string)
            #expect(try await system.get("/api/jobs?cursor=\(cursor)")["jobs"]?.array?.map { $0["type"] } == ["maieutic", "translation"])
        }
    }

    @Test func whatCannotBeMeantIsRefusedInTheCallersWords() async throws {
        try await ModelSystem.run(StandInOllama(StandInModel.panel)) { system in
            for (path, body, pointer) in [
                ("/api/projection/create", [:], "#/narrative"), ("/api/translation/round-trip", ["text": 1], "#/text"),
                ("/api/maieutic/start", ["depth": 3], "#/narrative"),
                ("/api/configuration/generate", ["description": "d", "count": 11], "#/count"),
                ("/api/projection/create", ["narrative": "n", "kind": "chat"], "#/kind"),
            ] as [(String, JSONValue, String)] {
                let answer = try await system.send("POST", path, body)
                #expect(answer.status == 422 || answer.status == 400)
                #expect(answer.json["errors"]?.array?.first?["pointer"] == .string(pointer), "\(answer.json.serialized)")
            }
            #expect(try await system.send("GET", "/api/jobs/\(JobID())").status == 404)
        }
    }

    @Test func aRepeatedRequestMakesOneJobAndAFailureHasItsMessage() async throws {
        try await ModelSystem.run(StandInOllama([StandInModel("llama3.2") { _ in "no JSON" }])) { system in
            let first = try await system.send("POST", "/api/projection/create", narrative, [("Idempotency-Key", "k")])
            let second = try await system.send("POST", "/api/projection/create", narrative, [("Idempotency-Key", "k")])
            #expect(first.jobID == second.jobID && second.header("idempotency-replayed") == "true")
            let failed = try await system.ended(try #require(first.jobID))
            #expect(failed["status"] == "failed")
            #expect(failed["error_message"]?.string?.hasPrefix("llama3.2 gave no usable answer to deconstruct, twice") == true)
        }
    }

    @Test func aRunningProjectionIsCancelled() async throws {
        var hanging = StandInModel.fitting("llama3.2")
        hanging.behaviour = .hangs
        let standIn = StandInOllama([hanging])
        try await ModelSystem.run(standIn) { system in
            let id = try #require(try await system.send("POST", "/api/projection/create", narrative).jobID)
            try await system.told("Creating projection", by: id)
            try await eventually { standIn.gauge.running == 1 }
            _ = try await system.send("POST", "/api/jobs/\(id)/cancel")
            #expect(try await system.ended(id)["status"] == "cancelled")
            // The connection is closed, and the work over there with it.
            try await eventually { standIn.gauge.running == 0 }
        }
    }
}
