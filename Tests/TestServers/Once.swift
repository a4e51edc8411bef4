/// A value made on first use by whoever comes first; the others wait for the same one.

actor Once<Value: Sendable> {
    private var making: Task<Value, any Error>?

    func value(_ make: @escaping @Sendable () async throws -> Value) async throws -> Value {
        if let making { return try await making.value }
        let task = Task { try await make() }
        making = task
        return try await task.value
    }
}
