import TidewheelWorker

/// The program of another package, as the library's tests start it and send it away.
@main
struct GuestWorker {
    static func main() async throws {
        try await Worker(Linger()).run()
    }
}

/// Goes on until it is told to stop.
struct Linger: WorkKind {
    var terms: WorkTerms { WorkTerms(name: "linger", summary: "Waits", queue: "lobby", input: .object([])) }

    func run(_ input: [String: String], in context: WorkContext) async throws -> [String: String] {
        try await context.progress(10, step: "wait", "until somebody stops it")
        try await Task.sleep(for: .seconds(60))
        return [:]
    }
}
