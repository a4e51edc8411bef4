package import JobModel
package import RedisWire

package enum Reported: Sendable, Hashable {
    case told
    /// Told, and somebody asked the job to stop.
    case cancelRequested
    /// Another attempt holds the job.
    case lost
}

package enum StepStored: Sendable, Hashable {
    case stored
    /// Another attempt holds the job; nothing was stored.
    case lost
    /// The job has as many steps, or bytes of them, as one job may have; nothing was stored.
    case full
}

/// How much one job may keep: results of steps are state, not storage.
package struct StepLimits: Sendable, Hashable {
    package let count: Int
    package let bytes: Int

    package init(count: Int = 100_000, bytes: Int = 256 << 20) {
        self.count = count
        self.bytes = bytes
    }
}

extension JobQueue {
    /// Stores an attempt's progress, or its place in the flow that it has founded, and publishes its event.
    package func report(
        _ event: JobEvent, progress: JobProgress?, flow: FlowPlace? = nil, of claim: Claim
    ) async throws(RedisError) -> Reported {
        var arguments: [RedisArgument] = [.string(claim.lease), .string(event.unnumbered), "updated_at", event.timestamp.argument]
        if let progress {
            arguments += [
                "progress", .string(String(progress.percent)), "step", .string(progress.step), "message", .string(progress.message),
            ]
        }
        if let flow { arguments += ["flow", .string(JobHash.flowText(flow)), "more", "1"] }
        let reply = try await run(Scripts.report, keys: [keys.job(claim.job.id)], arguments: arguments)
        switch reply.integer {
        case 1: return .told
        case 2: return .cancelRequested
        case 0: return .lost
        default: throw unexpected(Scripts.report, reply)
        }
    }

    /// Tells whoever watches now; false when another attempt holds the job.
    package func murmur(_ events: [JobEvent], of claim: Claim) async throws(RedisError) -> Bool {
        let reply = try await run(
            Scripts.murmur, keys: [keys.job(claim.job.id)],
            arguments: [.string(claim.lease)] + events.map { .string("{" + $0.unnumbered) })
        return reply.integer == 1
    }

    package func storeStep(
        _ name: String, _ result: JSONValue, of claim: Claim, limits: StepLimits = StepLimits()
    ) async throws(RedisError) -> StepStored {
        let id = claim.job.id
        let reply = try await run(
            Scripts.step, keys: [keys.job(id), keys.steps(id)],
            arguments: [
                .string(claim.lease), .string(name), .string(result.serialized), .integer(Int64(limits.count)),
                .integer(Int64(limits.bytes)),
            ])
        switch reply.integer {
        case 1: return .stored
        case 0: return .lost
        case 2: return .full
        default: throw unexpected(Scripts.step, reply)
        }
    }

    package func step(_ name: String, of id: JobID) async throws(RedisError) -> JSONValue? {
        let reply = try await redis.command(["HGET", .string(keys.steps(id)), .string(name)])
        return reply.string.flatMap { try? JSONReader.read($0, depth: 256) }
    }
}
