internal import JobModel

/// Reading a job, and waiting for its end. Whoever stops waiting (the client that goes away, the time that is over) stops nothing but the waiting.
extension ToolCall {
    func job(_ id: String) async throws(ToolFault) -> JobView {
        do throws(ToolFault) { return JobView(document: try await get("jobs", id)) } catch {
            throw error.type == "unknown-job" ? error.advised("Next: list_jobs() shows the jobs there are.") : error
        }
    }

    /// The job at its end, or as it is when the caller's time is over.
    func waited(_ id: String) async throws(ToolFault) -> JobView {
        let job = try await job(id)
        guard waitSeconds > 0, !job.hasEnded else { return job }
        // The latest that has happened comes first: the log may know more than the state that was read before it.
        progress?.tell(0, job.word)
        for event in (job.document["events"]?.array ?? []).suffix(10) { progress?.tell(event) }
        let seconds = waitSeconds
        let last = job.lastEvent
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await follow(id, after: last) }
            group.addTask { try? await Task.sleep(for: .seconds(seconds)) }
            await group.next()
            group.cancelAll()
        }
        guard !Task.isCancelled else { throw ToolFault.givenUp }
        return try await self.job(id)
    }
    /// To the job's end. Events that cannot be had, because every place is taken or the connection broke, are replaced by looking at the job.
    private func follow(_ id: String, after number: Int64?) async {
        var last = number
        while !Task.isCancelled {
            for await event in door.events(of: id, after: last) {
                progress?.tell(event)
                last = event["seq"]?.integer.map(Int64.init) ?? last
            }
            do throws(ToolFault) {
                if try await job(id).hasEnded { return }
            } catch { return }
            try? await Task.sleep(for: ToolCall.secondLook)
        }
    }

    private static let secondLook: Duration = .seconds(1)
}
