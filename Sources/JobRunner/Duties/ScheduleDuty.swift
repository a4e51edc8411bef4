internal import JobDesk

extension Duty {
    /// Makes the jobs of schedules. Wakes up for a fire time that comes before its next turn: a job is made at its time, and that of a
    /// schedule which was created meanwhile at most one interval late.
    static func fireSchedules(_ life: WorkerLife) -> Duty {
        Duty(leading: "fire_schedules", atMostEvery: life.settings.scheduleInterval) { token in
            try await life.desk.fireSchedules(leader: token)
        }
    }
}
