internal import JobDesk
internal import JobLedger

extension Duty {
    /// Makes jobs known to the search: what happened lately in every run, and a walk through all jobs for what was missed: those of another clock, of a
    /// time without a leader, or from before there was a search. A whole walk that found nothing is followed by a pause. Bounded: a busy server
    /// is searched a little later.
    static func indexSearch(_ life: WorkerLife) -> Duty {
        let place = DutyMemory(JobLedger.SearchSweep?.some(JobLedger.SearchSweep()))
        let pause = DutyMemory(0)
        return Duty(leading: "index_search", every: life.settings.searchInterval) { token in
            let ledger = life.desk.ledger
            let fresh = try await ledger.searchFresh(token, limit: SearchDuty.most)
            guard fresh < SearchDuty.most, pause.value == 0 else {
                pause.value = max(0, pause.value - 1)
                return
            }
            let sweep = place.value ?? JobLedger.SearchSweep()
            let next = try await ledger.searchSweep(sweep, token, limit: SearchDuty.most - fresh)
            place.value = next
            if next == nil, sweep.stale == 0 { pause.value = SearchDuty.pause }
        }
    }
}

private enum SearchDuty {
    /// Jobs of one run.
    static let most = 500
    /// Runs between two walks.
    static let pause = 600
}
