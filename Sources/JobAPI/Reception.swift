internal import HTTPTypes
internal import Hummingbird
internal import HummingbirdCore
internal import JobDesk
internal import JobModel
internal import Logging

/// What the routes may use: the desk, the limits, and what is shared between requests. Each route is an extension in a file of its own.
struct Reception: Sendable {
    let desk: JobDesk
    let settings: JobServerSettings
    let logger: Logger
    /// Open event streams and held polls.
    let streams: Slots
    /// Uploads that are being received: each holds its bytes in memory.
    let uploads: Slots
    /// Batches that are being received and accepted.
    let batches: Slots
    let draining: Flag

    init(desk: JobDesk, settings: JobServerSettings, logger: Logger) {
        self.desk = desk
        self.settings = settings
        self.logger = logger
        streams = Slots(settings.maxEventStreams)
        uploads = Slots(settings.maxUploads)
        batches = Slots(settings.maxBatches)
        draining = Flag()
    }
}

/// One request on its way to an answer.
struct Exchange: Sendable {
    let request: Request
    /// What the route's braces captured.
    let captured: [String]
    let requestID: String

    /// The job that the path names. Ids that are not of our making are jobs that do not exist.
    func jobID() throws(Problem) -> JobID {
        guard let text = captured.first, let id = JobID(text) else { throw .unknownJob }
        return id
    }

    func header(_ name: String) -> String? {
        request.headers[named: name]
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
