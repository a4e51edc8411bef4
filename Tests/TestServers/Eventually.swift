/// The one helper that polls. Prefer a signal; use this where the system under test gives none.

package struct NeverHappened: Error, CustomStringConvertible {
    package let place: String
    package let lastError: String?
    package var description: String {
        "the condition at \(place) did not become true in time" + (lastError.map { "; last error: \($0)" } ?? "")
    }
}

/// Returns as soon as the condition holds. A condition that throws counts as not yet; its last error is told at the end.
package func eventually(
    within limit: Duration = .seconds(30), file: StaticString = #fileID, line: UInt = #line, _ condition: () async throws -> Bool
) async throws {
    let clock = ContinuousClock()
    let deadline = clock.now + limit
    var lastError: String?
    while true {
        do {
            if try await condition() { return }
            lastError = nil
        } catch { lastError = "\(error)" }
        guard clock.now < deadline else { throw NeverHappened(place: "\(file):\(line)", lastError: lastError) }
        try await clock.sleep(for: .milliseconds(10))
    }
}
