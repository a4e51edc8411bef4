/// Vectors of the latest queries: who pages, filters or types the same again does not wait for the model. A few megabytes at most.
import JobModel
import Synchronization

final class QueryVectors: Sendable {
    private struct Entry {
        let vector: [Float]
        let madeAt: ContinuousClock.Instant
    }

    private let most: Int
    private let age: Duration
    private let entries = Mutex<[String: Entry]>([:])

    init(most: Int = 256, age: Duration = .seconds(300)) {
        self.most = most
        self.age = age
    }

    subscript(_ text: String) -> [Float]? {
        get {
            let key = Self.key(text)
            return entries.withLock { entries in
                entries[key].flatMap { .now - $0.madeAt < age ? $0.vector : nil }
            }
        }
        set {
            let key = Self.key(text)
            entries.withLock { entries in
                entries[key] = newValue.map { Entry(vector: $0, madeAt: .now) }
                guard entries.count > most else { return }
                if let oldest = entries.min(by: { $0.value.madeAt < $1.value.madeAt })?.key { entries[oldest] = nil }
            }
        }
    }

    /// Byte by byte: texts that Unicode takes for equal are other texts for a model.
    private static func key(_ text: String) -> String { Digest.sha256(text) }
}
