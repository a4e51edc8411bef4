package import JobLedger
package import JobModel

/// How a worker process behaves. Times are the promises of recovery: a dead worker's jobs run again within lease + two reap intervals.
package struct RunnerSettings: Sendable {
    package var queues: [String]
    /// Jobs at once.
    package var slots = 4
    /// Part of the claims that begins at the lowest priority: it moves on however busy the others are.
    package var lowestShare = 0.05
    package var host = ""
    package var processID = 0
    package var version = ""
    package var beatInterval = Duration.seconds(1)
    /// A worker whose beat does not move for this long is dead.
    package var lease = Duration.seconds(7)
    package var reapInterval = Duration.milliseconds(500)
    package var promoteInterval = Duration.milliseconds(500)
    package var cancelInterval = Duration.seconds(1)
    package var suspectInterval = Duration.milliseconds(500)
    package var lossInterval = Duration.seconds(1)
    package var reconcileInterval = Duration.seconds(5)
    package var listenInterval = Duration.seconds(1)
    package var sweepInterval = Duration.seconds(1)
    package var retainInterval = Duration.seconds(60)
    package var searchInterval = Duration.seconds(1)
    package var recordAges = RecordAges(standardDays: 90)
    /// Conversations to which nothing was added are deleted after so many days; 0 keeps them for ever.
    package var conversationRetentionDays = 90
    /// Answers of models that are older are not kept; zero: none is.
    package var cacheAge = Duration.seconds(7 * 86_400)
    /// Beyond so many bytes of answers, those that were not used for longest go.
    package var cacheBytes: Int64 = 256 << 20
    /// Entries of the audit log are deleted after so many days; 0 keeps them for ever.
    package var auditRetentionDays = 365
    package var repairInterval = Duration.seconds(5)
    package var flowInterval = Duration.seconds(5)
    package var limitInterval = Duration.seconds(1)
    package var scheduleInterval = Duration.milliseconds(500)
    package var durationInterval = Duration.seconds(1)
    package var reportInterval = Duration.seconds(5)
    /// How each model server is, as this worker sees it: one object each, for /health.
    package var modelReport: (@Sendable () async -> [JSONValue])?
    package var leadInterval = Duration.seconds(1)
    /// How long a leaving worker lets its jobs finish before it hands them back.
    package var drainGrace = Duration.seconds(30)
    /// How long a handler that was told to stop may take before it is left behind.
    package var stopGrace = Duration.seconds(10)
    /// A one-slot process that runs jobs whose worker died, and ends when there are none.
    package var isForSuspects = false
    /// Another runner of the same process takes from these queues, and leaves their suspects to this one.
    package var companionQueues: [String] = []
    /// Takes jobs and nothing else: another runner of the same process has the duties of a worker.
    package var isCompanion = false
    /// Another program's: it runs its own kinds, and leaves to the installation's workers what needs to know all queues and all settings.
    package var isGuest = false

    /// A leader whose renewals stand still for this long is replaced.
    package var leaderTerm: Duration { leadInterval * 5 }

    package init(queues: [String]) {
        self.queues = queues
    }
}
