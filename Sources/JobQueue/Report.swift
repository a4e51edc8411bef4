package import JobModel
package import RedisWire

package enum Reported: Sendable, Hashable {
    case told
    /// Told, and somebody asked the job to stop.
    case cancelRequested
    /// Another attempt holds the job.
    case lost
}

extension JobQueue {
    /// Stores an attempt's progress and publishes its event.
    package func report(_ event: JobEvent, progress: JobProgress?, of claim: Claim) async throws(RedisError) -> Reported {
        var arguments: [RedisArgument] = [.string(claim.lease), .string(event.unnumbered), "updated_at", event.timestamp.argument]
        if let progress {
            arguments += [
                "progress", .string(String(progress.percent)), "step", .string(progress.step), "message", .string(progress.message),
            ]
        }
        let reply = try await run(Scripts.report, keys: [keys.job(claim.job.id)], arguments: arguments)
        switch reply.integer {
        case 1: return .told
        case 2: return .cancelRequested
        case 0: return .lost
        default: throw unexpected(Scripts.report, reply)
        }
    }

    /// False: another attempt holds the job, nothing was stored.
    package func storeStep(_ name: String, _ result: JSONValue, of claim: Claim) async throws(RedisError) -> Bool {
        let id = claim.job.id
        let reply = try await run(
            Scripts.step, keys: [keys.job(id), keys.steps(id)],
            arguments: [.string(claim.lease), .string(name), .string(result.serialized)])
        return reply.integer == 1
    }

    package func step(_ name: String, of id: JobID) async throws(RedisError) -> JSONValue? {
        let reply = try await redis.command(["HGET", .string(keys.steps(id)), .string(name)])
        return reply.string.flatMap { try? JSONReader.read($0, depth: 256) }
    }
}
