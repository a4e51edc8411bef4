import TestServers

extension Fault {
    static let ofNetwork = [
        Fault(name: "a slow network", target: .workers) { fleet, random in
            let worker = try fleet.workers.pick(&random)
            for link in [worker.redisLink, worker.postgresLink] { link.set(.delaying(milliseconds: 150)) }
            try await last(.milliseconds(2500))
            for link in [worker.redisLink, worker.postgresLink] { link.set(.passing) }
            return "a worker's links took 150 ms each way"
        },
        Fault(name: "connections are cut", target: .workers) { fleet, random in
            for _ in 0..<8 {
                let member = try (fleet.workers + fleet.apis).pick(&random)
                (random.isTrue(percent: 50) ? member.redisLink : member.postgresLink).cut()
                try await last(milliseconds: 20...150, &random)
            }
            return "all connections of one link were cut, 8 times"
        },
        Fault(name: "a worker is cut off from Redis past its lease", target: .workers) { fleet, random in
            let worker = try fleet.workers.pick(&random)
            let held = try await fleet.waitUntilBusy(worker)
            worker.redisLink.goAway()
            try await last(fleet.lease * 1.6)
            worker.redisLink.set(.passing)
            return "a worker with \(held) jobs had no Redis for \((fleet.lease * 1.6).formatted)"
        },
        hole("Redis' replies to a worker are lost past its lease", .workers, .replies, { $0.redisLink }),
        hole("a worker's requests reach Redis only after its lease", .workers, .requests, { $0.redisLink }),
        hole("PostgreSQL's replies to a worker come late", .workers, .replies, { $0.postgresLink }),
        hole("an API's requests reach Redis late", .apis, .requests, { $0.redisLink }),
        hole("PostgreSQL's replies to an API come late", .apis, .replies, { $0.postgresLink }),
    ]

    /// One direction of one member's link is a black hole for longer than the lease; then everything arrives after all.
    private static func hole(
        _ name: String, _ target: Target, _ direction: TCPProxy.Direction, _ link: @escaping @Sendable (Member) -> TCPProxy
    ) -> Fault {
        Fault(name: name, target: target) { fleet, random in
            let member = try (target == .workers ? fleet.workers : fleet.apis).pick(&random)
            let held = target == .workers ? try await fleet.waitUntilBusy(member) : 0
            link(member).set(.holding(direction))
            try await last(fleet.lease * 1.6)
            link(member).set(.passing)
            return "\(member.role) with \(held) jobs: one direction was silent for \((fleet.lease * 1.6).formatted), then all arrived"
        }
    }
}
