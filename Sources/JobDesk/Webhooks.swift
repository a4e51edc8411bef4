internal import JobLedger
package import JobModel
internal import PostgresWire

/// Who is told when jobs end, as owners see it. The ends themselves make the deliveries, in SQL, and jobs of kind `webhook` send them.
extension JobDesk {
    /// The webhook, and its secret, which is told this once.
    package func createWebhook(_ webhook: Webhook, secret: WebhookSecret?) async throws(DeskError) -> (Webhook, WebhookSecret) {
        try check(webhook)
        let secret = secret ?? WebhookSecret()
        let isMade = try await asking(postgres: { () throws(PostgresError) in try await ledger.createWebhook(webhook, secret: secret) })
        guard isMade else { throw .tooManyWebhooks }
        return (try await self.webhook(webhook.id), secret)
    }

    package func webhook(_ id: JobID) async throws(DeskError) -> Webhook {
        let found = try await asking(postgres: { () throws(PostgresError) in try await ledger.webhook(id) })
        guard let found else { throw .unknownWebhook(id) }
        return found
    }

    package func webhooks() async throws(DeskError) -> [Webhook] {
        try await asking(postgres: { () throws(PostgresError) in try await ledger.webhooks() })
    }

    /// The webhook as it is now; nil when somebody else changed it since it was read.
    package func changeWebhook(_ webhook: Webhook) async throws(DeskError) -> Webhook? {
        try check(webhook)
        let isChanged = try await asking(postgres: { () throws(PostgresError) in try await ledger.changeWebhook(webhook) })
        return isChanged ? try await self.webhook(webhook.id) : nil
    }

    package func deleteWebhook(_ id: JobID) async throws(DeskError) {
        let isGone = try await asking(postgres: { () throws(PostgresError) in try await ledger.deleteWebhook(id) })
        guard isGone else { throw .unknownWebhook(id) }
    }

    /// The new secret, told this once; the old one signs beside it for `overlap` seconds.
    package func rotateSecret(of id: JobID, to secret: WebhookSecret?, overlap seconds: Int) async throws(DeskError) -> WebhookSecret {
        let secret = secret ?? WebhookSecret()
        let isDone = try await asking(postgres: { () throws(PostgresError) in
            try await ledger.rotateSecret(of: id, to: secret, overlap: seconds)
        })
        guard isDone else { throw .unknownWebhook(id) }
        return secret
    }

    /// A kind that is not recorded has no end in SQL that could be told: who asks for it must know.
    private func check(_ webhook: Webhook) throws(DeskError) {
        var faults: [InputShape.Fault] = []
        if let refusal = webhook.url.flatMap(refusalOfReceiver) { faults.append(.init(pointer: "#/url", detail: refusal)) }
        for (index, name) in webhook.kinds.enumerated() {
            let pointer = "#/kinds/\(index)"
            switch catalogue[name] {
            case nil:
                faults.append(.init(pointer: pointer, detail: "must be one of: \(catalogue.kinds.map(\.name).joined(separator: ", "))"))
            case let kind? where !kind.isRecorded:
                faults.append(.init(pointer: pointer, detail: "is a kind whose jobs are not recorded: nobody can be told of their ends"))
            case _?: break
            }
        }
        guard faults.isEmpty else { throw .invalid(faults) }
    }
}

extension JobDesk {
    /// Newest first. Throws where the filter names a webhook that there is not.
    package func deliveries(_ filter: DeliveryFilter, below: JobID?, limit: Int) async throws(DeskError) -> [WebhookDelivery] {
        if let webhook = filter.webhook { _ = try await self.webhook(webhook) }
        return try await asking(postgres: { () throws(PostgresError) in try await ledger.deliveries(filter, below: below, limit: limit) })
    }

    /// With its last hundred attempts, newest first.
    package func delivery(_ id: JobID, of webhook: JobID) async throws(DeskError) -> (WebhookDelivery, [DeliveryAttempt]) {
        let found = try await asking(postgres: { () throws(PostgresError) in try await ledger.delivery(id, of: webhook) })
        guard let found else { throw .unknownDelivery(id) }
        return (found, try await asking(postgres: { () throws(PostgresError) in try await ledger.attempts(ofDelivery: id) }))
    }

    /// Sends a delivery again, with the same id and the same bytes; returns the job that does.
    package func resend(_ id: JobID, of webhook: JobID) async throws(DeskError) -> JobID {
        switch try await asking(postgres: { () throws(PostgresError) in try await ledger.resend(id, of: webhook) }) {
        case .sent(let sender)?: return sender
        case .underWay(let sender)?: throw .deliveryUnderWay(sender)
        case .disabled?: throw .webhookDisabled
        case nil: throw .unknownDelivery(id)
        }
    }
}

extension JobDesk {
    /// Refuses jobs whose ends could not be told as they ask for. Cost without a webhook: nothing.
    func checkWebhooks(of jobs: [Job]) async throws(DeskError) {
        let telling = jobs.filter { $0.webhook != nil }
        guard !telling.isEmpty else { return }
        guard telling.allSatisfy(\.isRecorded) else {
            throw .invalid([
                .init(pointer: "#/webhook", detail: "is not for kinds whose jobs are not recorded: follow the job's events instead")
            ])
        }
        try await checkSecret()
    }

    func checkSecret(for request: JobRequest) async throws(DeskError) {
        if request.webhook != nil { try await checkSecret() }
    }

    private func checkSecret() async throws(DeskError) {
        guard try await webhook(Webhook.ofJobs).hasSecret else {
            throw .invalid([.init(pointer: "#/webhook", detail: "needs a secret to be signed with: make one by POST /webhooks/jobs/secret")]
            )
        }
    }
}
