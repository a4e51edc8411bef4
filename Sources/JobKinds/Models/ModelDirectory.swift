/// Which models there are, asked at most once in some seconds for all jobs of the worker.
import JobModel

actor ModelDirectory {
    private static let freshness = Duration.seconds(10)
    private let models: any ModelProvider
    private var listing: (models: [ModelDescription], at: ContinuousClock.Instant)?

    init(_ models: any ModelProvider) {
        self.models = models
    }

    /// Jobs that come while the list is old each ask for themselves: none hangs on another one's request. A failure is not kept.
    func list() async throws(JobFailure) -> [ModelDescription] {
        if let listing, listing.at + Self.freshness > .now { return listing.models }
        let found = try await models.models()
        listing = (found, .now)
        return found
    }
}
