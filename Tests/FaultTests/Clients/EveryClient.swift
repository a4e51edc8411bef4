import TestServers

/// What services ask of the engine beside the plain jobs of `Load`. What they were promised is in the load's book, and the checker judges it.
extension Load {
    func startEveryClient(random: inout SeededRandom) {
        serve(&random) { try await $0.sendBatch($1, &$2) }
        serve(&random) { try await $0.sendFlow($1, &$2) }
        serve(&random) { try await $0.sendUnique($1, &$2) }
        serve(&random) { try await $0.sendMended($1, &$2) }
        serve(&random) { try await $0.orderInSQL($1, &$2) }
        serve(&random) { load, _, random in try await load.pauseAndResume(&random) }
        serve(&random) { load, number, _ in if number == 1 { try await load.beginSchedule() } }
    }
}
