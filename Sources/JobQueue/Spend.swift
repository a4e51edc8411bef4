package import JobModel
package import RedisWire

/// What is left of a key's requests.
package struct Allowance: Sendable, Hashable {
    package let isGranted: Bool
    package let left: Int
    /// Until all of it is back.
    package let fullInMilliseconds: Int64
    /// Until there is one more; 0 while there is one.
    package let nextInMilliseconds: Int64

    package init(isGranted: Bool, left: Int, fullInMilliseconds: Int64, nextInMilliseconds: Int64) {
        self.isGranted = isGranted
        self.left = left
        self.fullInMilliseconds = fullInMilliseconds
        self.nextInMilliseconds = nextInMilliseconds
    }
}

extension JobQueue {
    /// Takes one request of an API key, all API processes together. Cost: one read and one write of a small string.
    package func spend(_ key: String, _ rate: Limit.Rate) async throws(RedisError) -> Allowance {
        let reply = try await run(
            Scripts.spend, keys: [keys.allowance(key)],
            arguments: [.integer(Int64(rate.count)), .integer(rate.perMilliseconds), .integer(Int64(rate.burst))])
        guard let parts = reply.array?.compactMap(\.integer), parts.count == 4 else { throw unexpected(Scripts.spend, reply) }
        return Allowance(
            isGranted: parts[0] == 1, left: Int(clamping: parts[1]), fullInMilliseconds: parts[2], nextInMilliseconds: parts[3])
    }
}
