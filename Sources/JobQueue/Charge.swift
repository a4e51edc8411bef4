package import JobModel
package import RedisWire

/// What an API key may submit; nil: as much as there is.
package struct JobQuota: Sendable, Hashable {
    package static let none = JobQuota(aDay: nil, live: nil)

    package let aDay: Int?
    package let live: Int?

    package init(aDay: Int?, live: Int?) {
        self.aDay = aDay
        self.live = live
    }
}

/// How many of some new jobs a quota had room for, and what is left of it now.
package struct Charge: Sendable, Hashable {
    package let charged: Int
    package let leftToday: Int?
    package let tomorrowInMilliseconds: Int64
    package let roomForLive: Int?

    package init(charged: Int, leftToday: Int?, tomorrowInMilliseconds: Int64, roomForLive: Int?) {
        self.charged = charged
        self.leftToday = leftToday
        self.tomorrowInMilliseconds = tomorrowInMilliseconds
        self.roomForLive = roomForLive
    }
}

extension JobQueue {
    /// Charges jobs that are about to be accepted: as many as fit, from the first on, or none when fewer than `atLeast` do.
    /// Cost: some microseconds; at a full quota of live jobs up to half a millisecond, for looking which of them have ended.
    package func charge(
        _ ids: [JobID], to key: String, _ quota: JobQuota, atLeast: Int
    ) async throws(RedisError) -> Charge {
        let live = keys.liveJobs(key)
        let fixed: [RedisArgument] = [
            .string(String(live.dropFirst(keys.prefix.count))), .integer(Int64(quota.aDay ?? -1)), .integer(Int64(quota.live ?? -1)),
            .integer(Int64(atLeast)),
        ]
        let reply = try await run(
            Scripts.charge, keys: [keys.charged(key), live], arguments: fixed + ids.map { .string($0.description) })
        guard let parts = reply.array?.compactMap(\.integer), parts.count == 4 else { throw unexpected(Scripts.charge, reply) }
        return Charge(
            charged: Int(clamping: parts[0]), leftToday: parts[1] < 0 ? nil : Int(clamping: parts[1]),
            tomorrowInMilliseconds: parts[2], roomForLive: parts[3] < 0 ? nil : Int(clamping: parts[3]))
    }
}
