internal import JobDesk
internal import JobLedger
internal import Logging

extension Duty {
    /// Deletes records, uploads, conversations and answers of models that are older than they are kept or more than fit, and steps that nobody will ask for again. At most 20 batches of each in one run.
    static func retain(_ life: WorkerLife) -> Duty {
        Duty(leading: "retain", every: life.settings.retainInterval) { token in
            let ledger = life.desk.ledger
            let ages = life.settings.recordAges
            let days = ages.standardDays
            var jobs = 0
            for _ in 0..<20 where ages.shortestDays != nil {
                let gone = try await ledger.forgetJobs(olderThan: ages, token)
                jobs += gone
                if gone < 1_000 { break }
            }
            if let shortest = ages.shortestDays { _ = try await ledger.forgetFlows(acceptedBeforeDays: shortest, token) }
            let silence = life.settings.conversationRetentionDays
            for _ in 0..<20 where silence > 0 {
                if try await ledger.forgetConversations(unchangedForDays: silence, token) < 100 { break }
            }
            for _ in 0..<20 where days > 0 {
                if try await ledger.forgetDeliveries(endedBeforeDays: days, token) < 1_000 { break }
            }
            for _ in 0..<20 where try await ledger.forgetSteps(token) < 1_000 { break }
            for _ in 0..<20 where days > 0 {
                if try await ledger.forgetUploads(olderThanDays: days, token) < 100 { break }
            }
            for _ in 0..<20 where try await ledger.forgetAnswers(olderThan: life.settings.cacheAge, token) < 500 { break }
            for _ in 0..<20 where try await ledger.trimCache(toBytes: life.settings.cacheBytes, token) < 500 { break }
            _ = try await ledger.forgetLeads(token)
            for _ in 0..<20 where days > 0 {
                if try await ledger.forgetModels(silentForDays: days, token) < 500 { break }
            }
            let auditDays = life.settings.auditRetentionDays
            for _ in 0..<20 where auditDays > 0 {
                if try await ledger.forgetAudit(olderThanDays: auditDays, token) < 1_000 { break }
            }
            if jobs > 0 { life.logger.info("Old records were deleted", metadata: ["jobs": "\(jobs)", "days": "\(days)"]) }
        }
    }
}
