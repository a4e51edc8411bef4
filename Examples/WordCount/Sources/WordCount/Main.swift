import TidewheelWorker

@main struct Main {
    /// REDIS_URL, DATABASE_URL and the other variables of docs/workers.md say where and how. SIGTERM ends it in order.
    static func main() async throws {
        try await Worker(CountWords()).run()
    }
}
