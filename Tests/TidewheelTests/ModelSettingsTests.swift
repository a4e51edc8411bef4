import FoundationEssentials
import JobModel
import Services
import Testing
import WebFetch

@testable import tidewheel

/// Which model servers the settings make, and what is refused at the start.
struct ModelSettingsTests {
    private struct NoPermits: PermitPool {
        func take(_ pool: String, of most: Int, for holder: PermitHolder) async throws(JobFailure) {}
        func tryTake(_ pool: String, of most: Int, for holder: PermitHolder) async -> Int? { nil }
        func giveBack(_ pool: String, of most: Int, for holder: PermitHolder) {}
    }

    private func servers(_ environment: [String: String]) throws -> [(name: String, permits: Int, kind: String)]? {
        let endpoints = try ModelSettings(settings: Settings(environment: environment)).endpoints(
            Fetcher(guard: nil, userAgent: "t"), permits: NoPermits())
        return endpoints?.servers.map { ($0.name, $0.permits, $0.provider.name) }
    }

    @Test func everyServerThatIsNamedIsOne() throws {
        let found = try #require(
            try servers([
                "OLLAMA_URL": "http://gpu1:11434, http://user:word@gpu2:11434/", "OPENAI_URL": "https://vllm/v1",
                "TIDEWHEEL_MODEL_PERMITS": "gpu2:11434=4",
            ]))
        #expect(found.map(\.name) == ["gpu1:11434", "gpu2:11434", "vllm"])
        #expect(found.map(\.permits) == [1, 4, 8])
        #expect(found.map(\.kind) == ["ollama", "ollama", "openai"])
    }

    @Test func oneKindCanBeChosen() throws {
        let both = ["OLLAMA_URL": "http://a:1", "OPENAI_URL": "http://b:2/v1", "TIDEWHEEL_MODEL_PERMITS": "5"]
        #expect(try servers(both.merging(["TIDEWHEEL_MODELS": "openai"]) { $1 })?.map(\.name) == ["b:2"])
        #expect(try servers(both.merging(["TIDEWHEEL_MODELS": "ollama"]) { $1 })?.map(\.permits) == [5])
    }

    @Test func theStandInMustBeAskedFor() throws {
        #expect(try servers(["TIDEWHEEL_MODELS": "echo", "OLLAMA_URL": "http://a:1"]) == nil)
        for (environment, word) in [
            ([:], "OLLAMA_URL or OPENAI_URL"), (["TIDEWHEEL_MODELS": "openai", "OLLAMA_URL": "http://a:1"], "OPENAI_URL"),
            (["OLLAMA_URL": "http://a:1,http://a:1/"], "twice"),
        ] {
            #expect { try servers(environment) } throws: { "\($0)".contains(word) }
        }
    }

    @Test func loopbackIsAnotherServerOnEveryMachine() throws {
        let name = try #require(try servers(["OLLAMA_URL": "http://127.0.0.1:11434"])?.first?.name)
        #expect(name == "\(ProcessInfo.processInfo.hostName)/127.0.0.1:11434")
    }

    @Test func theKeyIsReadFromAFileAndNeverQuoted() throws {
        let path = FileManager.default.temporaryDirectory.path + "/key-\(UInt64.random(in: 0...UInt64.max))"
        defer { try? FileManager.default.removeItem(atPath: path) }
        try "sk-hush\u{7}\n".write(toFile: path, atomically: false, encoding: .utf8)
        #expect { try servers(["OPENAI_URL": "http://a/v1", "OPENAI_API_KEY_FILE": path]) } throws: {
            "\($0)".contains("OPENAI_API_KEY_FILE") && !"\($0)".contains("hush")
        }
        try "sk-hush\n".write(toFile: path, atomically: false, encoding: .utf8)
        #expect(try servers(["OPENAI_URL": "http://a/v1", "OPENAI_API_KEY_FILE": path])?.count == 1)
        #expect { try servers(["OPENAI_URL": "http://a/v1", "OPENAI_API_KEY_FILE": "/nowhere"]) } throws: { "\($0)".contains("can read") }
    }
}
