import FoundationEssentials
import Glibc
import JobModel
import TestServers
import Testing

@testable import JobAPI

@Suite(.timeLimit(.minutes(1))) struct PresentationFileTests {
    /// More than one piece.
    private let deck = Array("PK\u{3}\u{4}".utf8) + (0..<700_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }

    private func write(_ bytes: [UInt8], _ path: String) throws {
        try Data(bytes).write(to: URL(filePath: path))
    }

    /// A presentation that ended with this result.
    private func made(_ api: RunningAPI, _ topic: String = "t", _ result: (JobID) -> JSONValue) async throws -> JobID {
        let id = try #require(try await api.post("/api/presentations", ["topic": .string(topic)]).jobID)
        let worker = try await HandWorker(api)
        try await worker.finish(worker.startNext(), as: .completed(result(id)))
        return id
    }

    private func kept(_ name: String) -> JSONValue { ["file": ["name": .string(name), "bytes": 1]] }

    @Test func theFileIsSentAsItWasKept() async throws {
        let directory = try TemporaryDirectory.make()
        try await withAPI {
            $0.deckDirectory = directory
        } _: { (api) async throws in
            let id = try await made(api, "Plants & \u{202E}Light: \"\r\nX: y\" ../é") { kept("\($0).pptx") }
            try write(deck, "\(directory)/\(id).pptx")
            let answer = try await api.get("/api/presentations/\(id)/file")
            #expect(answer.status == 200 && answer.body == deck)
            #expect(answer.headers["content-length"] == "\(deck.count)")
            #expect(answer.headers["content-type"] == "application/vnd.openxmlformats-officedocument.presentationml.presentation")
            #expect(
                answer.headers["content-disposition"]
                    == "attachment; filename=\"presentation-\(id).pptx\"; filename*=UTF-8''Plants%20Light%20X%20y%20%C3%A9.pptx")
            #expect(answer.headers["x"] == nil && answer.headers["x-content-type-options"] == "nosniff")
            let head = try await api.send("HEAD", "/api/presentations/\(id)/file")
            #expect(head.status == 200 && head.headers["content-length"] == "\(deck.count)" && head.body.isEmpty)

            let slides = try await made(api, "???") { kept("\($0).pdf") }
            try write(Array("%PDF-1".utf8), "\(directory)/\(slides).pdf")
            let second = try await api.get("/api/presentations/\(slides)/file")
            #expect(second.headers["content-type"] == "application/pdf")
            #expect(second.headers["content-disposition"] == "attachment; filename=\"presentation-\(slides).pdf\"")
        }
    }

    @Test func whereThereIsNoFileTheReasonIsSaid() async throws {
        let directory = try TemporaryDirectory.make()
        try await withAPI {
            $0.deckDirectory = directory
        } _: { (api) async throws in
            func problem(_ id: JobID) async throws -> RunningAPI.Answer { try await api.get("/api/presentations/\(id)/file") }
            #expect(try await problem(JobID()).problem == "unknown-presentation")
            let crawl = try #require(try await api.post("/jobs", RunningAPI.crawl).jobID)
            #expect(try await problem(crawl).problem == "unknown-presentation")
            _ = try await api.send("POST", "/jobs/\(crawl)/cancel")

            let left = try await made(api) { _ in ["presenton_path": "/app_data/x.pptx", "warnings": ["The file was not fetched: y"]] }
            let answer = try await problem(left)
            #expect(answer.status == 404 && answer.problem == "file-not-kept" && answer.json["presenton_path"] == "/app_data/x.pptx")
            #expect(answer.json["detail"]?.string?.contains("The file was not fetched: y") == true)

            let gone = try await made(api) { kept("\($0).pptx") }
            #expect(try await problem(gone).problem == "file-gone")
            // Neither a link nor a pipe nor a directory is opened.
            try write(deck, directory + "/other")
            #expect(symlink(directory + "/other", "\(directory)/\(gone).pptx") == 0)
            #expect(try await problem(gone).problem == "file-gone")
            unlink("\(directory)/\(gone).pptx")
            #expect(mkfifo("\(directory)/\(gone).pptx", 0o600) == 0)
            #expect(try await problem(gone).problem == "file-gone")

            for name in ["../secret", "other", "/etc/passwd", "\(gone).pptx", ".\(gone).1.part", "\(gone).pptx/../other"] {
                let foreign = try await made(api) { _ in kept(name) }
                #expect(try await problem(foreign).problem == "file-not-kept", "\(name)")
            }
            let open = try #require(try await api.post("/api/presentations", ["topic": "t"]).jobID)
            #expect(try await problem(open).problem == "not-finished")
            _ = try await api.send("POST", "/jobs/\(open)/cancel")
            #expect(try await problem(open).problem == "job-cancelled")
        }
    }

    @Test func withoutADirectoryNothingIsServed() async throws {
        try await withAPI { (api) async throws in
            let id = try await made(api) { kept("\($0).pptx") }
            let answer = try await api.get("/api/presentations/\(id)/file")
            #expect(answer.problem == "file-not-kept" && answer.json["detail"]?.string?.contains("TIDEWHEEL_DECK_DIRECTORY") == true)
        }
    }

    /// A file that shrinks under its reader breaks the answer off: nobody takes the half for the whole.
    @Test func aFileThatIsCutShortBreaksOff() async throws {
        let path = try TemporaryDirectory.make() + "/f"
        try write(deck, path)
        let file = try #require(await KeptFile.open("f", in: String(path.dropLast(2))))
        #expect(try await file.next(atMost: 10) == Array(deck.prefix(10)))
        #expect(truncate(path, 10) == 0)
        await #expect(throws: KeptFile.Broken.self) { try await file.next(atMost: 10) }
    }
}
