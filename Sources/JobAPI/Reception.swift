internal import HTTPTypes
internal import Hummingbird
internal import HummingbirdCore
internal import JobDesk
internal import JobModel
internal import Logging
internal import NIOCore

/// What the routes may use: the desk, the limits, and what is shared between requests. Each route is an extension in a file of its own.
struct Reception: Sendable {
    let desk: JobDesk
    let settings: JobServerSettings
    let logger: Logger
    let doorkeeper: Doorkeeper
    let allowances: Allowances
    let audit: Audit
    /// Nil: this process has no model server.
    let search: (any DocumentSearch)?
    /// Open event streams and held polls.
    let streams: Slots
    /// Uploads that are being received: each holds its bytes in memory.
    let uploads: Slots
    /// Batches that are being received and accepted.
    let batches: Slots
    /// Searches in documents: each may keep several cores of PostgreSQL busy.
    let searches: Slots
    let draining: Flag
    /// What `/openapi.json` answers.
    let document = KeptDocument()

    init(desk: JobDesk, search: (any DocumentSearch)?, settings: JobServerSettings, logger: Logger) {
        self.desk = desk
        self.search = search
        self.settings = settings
        self.logger = logger
        doorkeeper = Doorkeeper(settings.callers, ledger: desk.ledger, logger: logger)
        allowances = Allowances(desk.queue)
        audit = Audit(desk.ledger, logger: logger)
        streams = Slots(settings.maxEventStreams)
        uploads = Slots(settings.maxUploads)
        batches = Slots(settings.maxBatches)
        searches = Slots(settings.maxSearches)
        draining = Flag()
    }

    /// What the client is told; what went wrong inside is for the log alone.
    func problem(of error: DeskError, _ requestID: String) -> Problem {
        if case .internalFault(let what) = error {
            logger.error("A request failed inside", metadata: ["request_id": "\(requestID)", "error": "\(what)"])
        }
        return Problem(error)
    }
}

/// One request on its way to an answer.
struct Exchange: Sendable {
    let request: Request
    /// What the route's braces captured.
    let captured: [String]
    let requestID: String
    let caller: Caller
    let channel: any Channel
    /// For the audit log, where the route changes something.
    let notes = AuditNotes()

    /// The job that the path names. Ids that are not of our making are jobs that do not exist.
    func jobID() throws(Problem) -> JobID {
        guard let text = captured.first, let id = JobID(text) else { throw .unknownJob }
        return id
    }

    /// Throws when the query has a name that the route does not know: a misspelled filter must not look like one that matched.
    func check(_ route: Route) throws(Problem) {
        guard let known = route.query else { return }
        for part in (request.uri.query ?? "").split(separator: "&") {
            let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = QueryReader.decode(pair[0]), pair.count == 1 || QueryReader.decode(pair[1]) != nil else {
                throw .badQuery(String(pair[0].prefix(100)), "must be UTF-8, percent-encoded, without U+0000")
            }
            guard !known.contains(name) else { continue }
            let there = known.isEmpty ? "this route has no parameters" : "there are: \(known.joined(separator: ", "))"
            throw .badQuery(String(name.prefix(100)), "is not known here; \(there)")
        }
    }

    /// Once the body was read: what is still to be heard of the client. Who listens to it takes the connection; it must be closed with the answer.
    var behindBody: RequestBody {
        var request = request
        request.body = RequestBody(buffer: ByteBuffer())
        return request.body
    }

    func header(_ name: String) -> String? {
        request.headers[named: name]
    }

    /// Refuses every query parameter but these, which are all that the route documents.
    func allowQuery(_ names: String...) throws(Problem) {
        guard let stranger = request.uri.queryParameters.map({ String($0.key) }).first(where: { !names.contains($0) }) else { return }
        throw .badQuery(stranger.prefix(100).debugDescription, "is not known here; there are: \(names.joined(separator: ", "))")
    }

    func query(_ name: String) -> String? {
        request.uri.queryParameters[name[...]].map(String.init)
    }
}

extension HTTPFields {
    /// A field by its spelled name; a name that is none has no value.
    subscript(named name: String) -> String? {
        get { HTTPField.Name(name).flatMap { self[$0] } }
        set { if let name = HTTPField.Name(name) { self[name] = newValue } }
    }
}
