import PostgresWire
import PrivateServers
import RedisWire
import TestServers

extension Fault {
    static let ofProcesses = [
        Fault(name: "kill -9 of workers in a loop", target: .workers, leastCrashes: 1) { fleet, random in
            var held = 0
            for _ in 0..<3 {
                let worker = try fleet.workers.pick(&random)
                held += try await fleet.waitUntilBusy(worker)
                await worker.kill()
                try await last(milliseconds: 0...300, &random)
                try await worker.start()
            }
            return "3 workers were killed while they ran \(held) jobs"
        },
        Fault(name: "kill -9 of all workers at once", target: .workers, leastCrashes: 1) { fleet, random in
            let held = try await fleet.waitUntilBusy(fleet.workers.pick(&random))
            for worker in fleet.workers { await worker.kill() }
            for worker in fleet.workers { try await worker.start() }
            return "all workers were killed, one of them with \(held) jobs"
        },
        Fault(name: "a worker is frozen past its lease and wakes up", target: .workers, leastCrashes: 1) { fleet, random in
            let worker = try fleet.workers.pick(&random)
            let held = try await fleet.freezeWithJobs(worker)
            try await last(fleet.lease * 1.6)
            worker.thaw()
            return "a worker with \(held) jobs slept for \((fleet.lease * 1.6).formatted)"
        },
        Fault(name: "kill -9 of the leader", target: .workers) { fleet, random in
            for _ in 0..<2 {
                let leader = try await fleet.waitForLeader()
                await leader.kill()
                try await leader.start()
            }
            return "the worker that leads was killed, and its successor"
        },
        Fault(name: "the leader is frozen past its term and wakes up", target: .workers) { fleet, random in
            let leader = try await fleet.waitForLeader()
            leader.freeze()
            try await last(fleet.lease * 1.6)
            leader.thaw()
            return "the worker that leads slept for \((fleet.lease * 1.6).formatted)"
        },
        Fault(name: "workers leave and come back", target: .workers) { fleet, random in
            for worker in fleet.workers {
                _ = try await fleet.waitUntilBusy(worker)
                let told = ContinuousClock.now
                let exit = await worker.leave()
                let took = told.duration(to: .now)
                try await worker.start()
                // In the long run a job may kill it before it is gone; this suite kills only one that stays.
                let diedOfAJob = exit == .signalled(9) && took < Member.patience
                guard exit == .exited(0) || diedOfAJob else {
                    throw Wrong(what: "a worker that was told to leave \(exit?.description ?? "stayed") after \(took.formatted)")
                }
            }
            return "every worker left in order and was started again"
        },
        Fault(name: "a job kills its process", target: .workers) { fleet, random in
            let book = Book()
            let load = Load(fleet, name: "poison-\(random.next())", book: book)
            // Urgent: behind a long run's backlog a job of low priority waits for minutes.
            load.start(clients: 1, limit: 1, random: &random) { Order.order("crash", &$0).urgent }
            try await load.finish()
            // Four deaths, each noticed after a lease; another fault at the same time, other suspects and a busy machine take their time too.
            let limit = (fleet.lease * 8 + .seconds(20)) * max(1, Trial.loadPerCore)
            let ended = await Result { try await eventually(within: limit) { try await Row.live(of: load.name, in: fleet.database) == 0 } }
            let row = try await Row.all(of: load.name, in: fleet.database).first
            guard let row, row.errorType == "poisoned" else {
                throw Wrong(what: "a job that kills its process is \(row.map { "\($0)" } ?? "nothing") after \(limit.formatted)")
            }
            _ = try ended.get()
            return "the job became a dead letter after \(row.outcomes)"
        },
        Fault(name: "kill -9 of APIs in the middle of submissions", target: .apis, refusal: "no answer") { fleet, random in
            for _ in 0..<3 {
                let api = try fleet.apis.pick(&random)
                await api.kill()
                try await last(milliseconds: 0...200, &random)
                try await api.start()
            }
            for api in fleet.apis { await api.kill() }
            try await last(milliseconds: 100...300, &random)
            for api in fleet.apis { try await api.start() }
            return "APIs were killed 3 times one by one, then all"
        },
        Fault(name: "APIs are killed between the row and the queue", target: .apis, refusal: "no answer") { fleet, random in
            for api in fleet.apis { api.redisLink.set(.holding(.requests)) }
            let hit = await Result { try await eventually { try await fleet.rowsUnknownToRedis() > 0 } }
            let rows = (try? await fleet.rowsUnknownToRedis()) ?? 0
            for api in fleet.apis { await api.kill() }
            for api in fleet.apis { api.redisLink.cut() }
            for api in fleet.apis { api.redisLink.set(.passing) }
            for api in fleet.apis { try await api.start() }
            // One that has noticed that Redis is away makes no row: beside a PostgreSQL that stands still there may be none.
            guard case .success = hit else { throw HitNothing(what: "no row was made before the APIs noticed") }
            return "\(rows) accepted rows were not yet in Redis when their APIs died"
        },
        Fault(name: "an API is frozen", target: .apis) { fleet, random in
            let api = try fleet.apis.pick(&random)
            api.freeze()
            try await last(.milliseconds(1500))
            api.thaw()
            return "an API slept for 1.5 s"
        },
    ]
}

extension Fleet {
    /// Returns how many jobs SQL says the worker runs, once there is one.
    func waitUntilBusy(_ worker: Member) async throws -> Int {
        var held = 0
        try await eventually(within: .seconds(40)) {
            held = try await running(worker)
            return held > 0
        }
        return held
    }

    /// Freezes the worker at a moment when it has work that nobody has recorded the end of; returns how much.
    func freezeWithJobs(_ worker: Member) async throws -> Int {
        while true {
            _ = try await waitUntilBusy(worker)
            worker.freeze()
            // What it had just sent to PostgreSQL arrives.
            try await Fault.last(.milliseconds(100))
            let held = try await running(worker)
            if held > 0 { return held }
            worker.thaw()
        }
    }

    func waitForLeader() async throws -> Member {
        var leader: Member?
        try await eventually(within: .seconds(40)) {
            let holder = try await database.query("SELECT holder FROM leadership").first?.string("holder") ?? ""
            leader = workers.first { $0.processID.map { holder.hasPrefix("fault-\($0)-") } ?? false }
            return leader != nil
        }
        guard let leader else { throw Fault.HitNothing(what: "nobody leads") }
        return leader
    }

    private func running(_ worker: Member) async throws -> Int {
        guard let process = worker.processID else { return 0 }
        let sql = "SELECT count(*) AS n FROM jobs WHERE status = 'processing' AND starts_with(worker, $1)"
        return try await Int(database.query(sql, [.text("fault-\(process)-")]).first?.int("n") ?? 0)
    }

    /// Accepted and live for SQL, and nowhere in Redis.
    func rowsUnknownToRedis() async throws -> Int {
        let rows = try await database.query("SELECT id::text AS id FROM jobs WHERE status = 'queued'")
        var unknown = 0
        for row in rows {
            if try await redis.command(["EXISTS", .string("job:\(try row.string("id"))")]).integer == 0 { unknown += 1 }
        }
        return unknown
    }
}
