extension Duty {
    /// Finds out who leads, and leads when nobody does.
    static func lead(_ life: WorkerLife) -> Duty {
        Duty("lead", every: life.settings.leadInterval) { try await life.leadership.campaign() }
    }
}
