/// A stand-in model server as a process, for tests in other languages: `StandInServer ollama|openai` says where it listens and serves until
/// its standard input ends.
import TestServers

@main struct StandInServer {
    static func main() async throws {
        let isOllama = CommandLine.arguments.dropFirst().first != "openai"
        let models = [
            StandInModel("llama3.2"), StandInModel("qwen3", thoughts: "Let me see, über alles."), .embedder("nomic-embed-text"),
            StandInModel("broken", .breaks(after: 2, "the runner died")), StandInModel("cut", .truncates(after: 2)),
            StandInModel("busy", .refuses(503, "server busy, please try again.  maximum pending requests exceeded")),
        ]
        let ollama = StandInOllama(models, writeBytes: 7)
        let openAI = StandInOpenAI(models, writeBytes: 7)
        let server = try await StubHTTPServer { isOllama ? await ollama.answer($0) : await openAI.answer($0) }
        print(server.url)
        // Standard output may be a pipe.
        flush()
        while readLine() != nil {}
    }
}
