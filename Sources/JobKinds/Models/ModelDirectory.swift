/// Which models there are, asked at most once in some seconds for all jobs of the worker.
import JobModel

actor ModelDirectory {
    private static let freshness = Duration.seconds(10)
    private let models: any ModelProvider
    private var listing: (result: Result<[ModelDescription], JobFailure>, at: ContinuousClock.Instant)?
    private var asking: Task<Result<[ModelDescription], JobFailure>, Never>?

    init(_ models: any ModelProvider) {
        self.models = models
    }

    /// A server that does not answer is asked again by the next job.
    func list() async throws(JobFailure) -> [ModelDescription] {
        if let listing, case .success(let models) = listing.result, listing.at + Self.freshness > .now { return models }
        let task =
            asking
            ?? Task { [models] in
                do throws(JobFailure) { return .success(try await models.models()) } catch { return .failure(error) }
            }
        asking = task
        let result = await task.value
        if asking == task {
            asking = nil
            listing = (result, .now)
        }
        return try result.get()
    }
}
