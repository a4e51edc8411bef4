/// For builds of Presenton without background tasks: the deck is made while the worker waits, on a connection that is silent until its end. Whether the
/// work ends with the connection differs between builds. So that it is asked for is a row before it is sent, and a later attempt looks in the list of
/// decks first, for as long as a deck may take.
import JobLedger
import JobModel
import PostgresWire
import Services

extension DeckJob {
    func makeWhileWaiting(_ order: JSONValue, _ number: Int) async throws(JobFailure) -> JSONValue {
        if let last = try await lastAsk(), last.number == number {
            if let deck = last.deckID { return found(deck) }
            if last.millisecondsSinceSent != nil {
                try await context.progress(5, step: "generate", "looking for the slides that an earlier attempt asked for")
                if let deck = try await find(order, last) { return found(deck) }
            }
        }
        try await context.progress(5, step: "generate", "Presenton makes the slides and does not say how far it is")
        let listed = try await presenton.decks(like: order)
        let last = ContinuousClock.now + decks.pacing.freshness
        guard
            try await recorded({ () throws(PostgresError) in
                try await ledger.sendPresenton(id, number: number, attempt: context.attempt, listed: listed)
            })
        else { throw .lost }
        return try await conclude(await presenton.make(order, sendBy: last), number)
    }

    private func conclude(_ made: Presenton.Made, _ number: Int) async throws(JobFailure) -> JSONValue {
        switch made {
        case .deck(let deck):
            if let name = deck.id { _ = try await claim(name, number) } else { try await close(number, .completed) }
            return DeckJob.document(deck)
        case .refused(let failure):
            try await recorded { () throws(PostgresError) in try await ledger.unsendPresenton(id, number: number) }
            if failure.type.hasPrefix("http_") { try await close(number, .failed) }
            throw once(failure, number)
        case .late:
            try await recorded { () throws(PostgresError) in try await ledger.unsendPresenton(id, number: number) }
            throw DeckJob.slow
        case .unknown(let failure): throw failure
        }
    }

    /// Nil: after so long a time there is none.
    private func find(_ order: JSONValue, _ ask: PresentonAsk) async throws(JobFailure) -> String? {
        // A whole deck takes longer than a part of one.
        let end = ContinuousClock.now + decks.pacing.stall * 2 - .milliseconds(ask.millisecondsSinceSent ?? 0)
        while true {
            guard let known = ask.known, let listed = try await presenton.decks(like: order) else {
                throw try await giveUp(
                    ask, "submission_unknown",
                    "The worker was interrupted while Presenton made the deck, and this Presenton does not list its decks. "
                        + "Look there whether the deck was made; retry the job if it was not")
            }
            let found = try await recorded { () throws(PostgresError) in
                try await ledger.unclaimedDecks(listed.subtracting(known), server: presenton.server)
            }
            guard found.count <= 1 else {
                throw try await giveUp(
                    ask, "ambiguous_deck",
                    "The worker was interrupted while Presenton made the deck, and \(found.count) decks of the same text may be it. "
                        + "Retry the job to ask for another deck")
            }
            if let deck = found.first, try await claim(deck, ask.number) { return deck }
            guard ContinuousClock.now < end else { return nil }
            try await pause(decks.pacing.longestPoll)
        }
    }

    private func claim(_ deck: String, _ number: Int) async throws(JobFailure) -> Bool {
        try await recorded { () throws(PostgresError) in try await ledger.namePresentonDeck(deck, of: id, number: number) }
    }

    private func found(_ deck: String) -> JSONValue { DeckJob.document(PresentonDeck(["presentation_id": .string(deck)])) }
}
