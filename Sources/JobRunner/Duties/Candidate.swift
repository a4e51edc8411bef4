internal import JobLedger

/// When a worker renews, watches or takes the lead, by its own monotonic clock. A value: the decision without the I/O.
/// A renewal counter that stands still for a whole term means that its holder is gone; wall clocks and TTLs decide nothing.
struct Candidate {
    enum Call: Equatable {
        case observe
        case renew(LeaderToken)
        case take(LeaderSeat)
    }

    private let name: String
    private let term: Duration
    /// A gap between two looks longer than this means that this worker itself stood still.
    private let patience: Duration
    private var watch: (seat: LeaderSeat, since: ContinuousClock.Instant)?
    private var lastLook: ContinuousClock.Instant?
    private var reign: (token: LeaderToken, until: ContinuousClock.Instant)?

    init(name: String, term: Duration, interval: Duration) {
        self.name = name
        self.term = term
        patience = interval * 3 + .seconds(1)
    }

    /// The token while this worker leads. It ends before anybody else can take over: they count the term from when they saw the renewal,
    /// this worker from before it was sent.
    func token(now: ContinuousClock.Instant) -> LeaderToken? {
        reign.flatMap { now < $0.until ? $0.token : nil }
    }

    /// What to ask PostgreSQL next.
    func nextCall(now: ContinuousClock.Instant) -> Call {
        if let reign { return .renew(reign.token) }
        guard let watch, let lastLook, lastLook.duration(to: now) <= patience else { return .observe }
        let isVacant = watch.seat.holder.isEmpty || watch.since.duration(to: now) >= term
        return isVacant ? .take(watch.seat) : .observe
    }

    /// The answer to a call that was sent at `sent`; nil when the row did not fit it any more.
    mutating func received(_ seat: LeaderSeat?, sent: ContinuousClock.Instant, now: ContinuousClock.Instant) {
        reign = nil
        guard let seat else { return startAnew() }
        // Also when the answer to the call that took it was lost: a name is one life's for ever.
        if seat.holder == name {
            reign = (seat.token, sent + term)
            return startAnew()
        }
        if let lastLook, lastLook.duration(to: now) > patience { startAnew() }
        if watch?.seat != seat { watch = (seat, now) }
        lastLook = now
    }

    /// A call failed: what was seen before says nothing any more. A reign goes on until its term is over.
    mutating func startAnew() {
        watch = nil
        lastLook = nil
    }
}
