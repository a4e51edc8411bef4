/// Something that happened to a job, as its watchers see it.
/// Numbered updates of one job have no gaps; `token` (words of a model), `snapshot` and `gap` have no number.
public struct JobUpdate: Sendable, Hashable {
    /// 1 is the first thing that happened to the job.
    public let number: Int?
    /// `queued` `scheduled` `waiting` `started` `progress` `log` `retrying` `reclaimed` `retried` `cancelling` `completed` `failed` `cancelled`;
    /// `token`; or `gap` and `snapshot`, which stand in for updates that the API does not keep any more.
    public let name: String
    /// Everything that came.
    public let data: JSON

    init(_ event: ServerEvent) throws(TidewheelError) {
        data = try JSON(parsing: event.data)
        name = event.name
        number = event.isNumbered ? event.id.flatMap { Int($0) } : nil
    }

    /// 0 to 100.
    public var progress: Double? { data["progress"]?.number }
    /// What the job is doing, in one word.
    public var step: String? { data["step"]?.string }
    /// What the job is doing, for people.
    public var message: String? { data["message"]?.string }
    /// Why it failed.
    public var error: String? { data["error"]?.string }
    /// What a completed job has made.
    public var result: JSON? { data["result"] }
    /// The job has ended with this; only a retry makes more of it.
    public var isEnd: Bool { name == "completed" || name == "failed" || name == "cancelled" }
}
