/// Everything that can be set, in one table. docs/settings.md lists the same; a test compares the two.
/// The order of precedence is flag, environment, settings file, default.
import JobAPI
import WebFetch

enum Known {
    static let redisURL = Setting.address(
        "REDIS_URL", flag: "redis-url", standard: "redis://127.0.0.1:6379", schemes: ["redis", "rediss", "unix", "redis+unix"],
        "Redis: live state, queues, events. Without it `dev` starts one of its own.")
    static let databaseURL = Setting.address(
        "DATABASE_URL", flag: "database-url", standard: "postgresql://127.0.0.1:5432/tidewheel", schemes: ["postgresql", "postgres"],
        "PostgreSQL: what must last. Without it `dev` starts one of its own.")
    static let qdrantURL = Setting.address(
        "QDRANT_URL", schemes: ["http", "https"], "Qdrant, for vectors. Without it they are kept in PostgreSQL.")
    static let qdrantKey = Setting(
        "QDRANT_API_KEY", allowed: "a text", isSecret: true, "Sent to Qdrant as `api-key`.", parse: { $0 })
    static let presentonURL = Setting.address(
        "PRESENTON_URL", schemes: ["http", "https"], "A self-hosted Presenton, for presentations. Without it their jobs fail.")
    static let presentonAuth = Setting(
        "PRESENTON_AUTH", standard: "none", allowed: "none, basic, bearer or header:<name>",
        "How Presenton is logged in to: `none`, `basic` (user and key), `bearer`, or `header:<name>` for a key in a header of that name.",
        parse: { PresentonSettings.isWay($0) ? $0 : nil })
    static let presentonUser = Setting.text("PRESENTON_USER", allowed: "a user name", "User name for `basic`.")
    static let presentonKey = Setting(
        "PRESENTON_KEY", allowed: "a text", isSecret: true, "Password or key for Presenton.", parse: { $0 })
    static let presentonKeyFile = Setting.text(
        "PRESENTON_KEY_FILE", allowed: "a file", "File that holds the password or key, in place of PRESENTON_KEY; read at the start.")
    static let presentonStall = Setting.number(
        "PRESENTON_STALL_SECONDS", standard: 900, 60...86_400,
        "A deck of which Presenton shows no progress for this long is lost, and the next attempt asks for another one.")
    static let deckDirectory = Setting.text(
        "TIDEWHEEL_DECK_DIRECTORY", allowed: "a directory",
        "Directory where workers put the files of presentations and the API serves them from; without it they stay at Presenton.")
    static let deckLimit = Setting.number(
        "TIDEWHEEL_DECK_MAX_MIB", standard: 100, 1...4_096, "Files of presentations that are larger are left at Presenton.")
    static let host = Setting.text(
        "TIDEWHEEL_HOST", flag: "host", standard: "127.0.0.1", allowed: "a host name or address",
        "Where the API listens. Beyond loopback it needs TIDEWHEEL_API_KEYS, and should have a reverse proxy with TLS in front.")
    static let apiKeys = Setting.choice(
        "TIDEWHEEL_API_KEYS", standard: "loopback", CallerRule.allCases.map(\.rawValue),
        "Whom the API listens to: `loopback` everybody, but it listens on loopback only; `required` holders of keys; `open` everybody, wherever it listens."
    )
    static let port = Setting.number("PORT", flag: "port", standard: 8080, 0...65_535, "The API's port; 0 takes a free one.")
    static let retention = Setting.number(
        "JOB_RETENTION_SECONDS", standard: 86_400, 60...31_536_000,
        "How long Redis keeps a job after its end. PostgreSQL keeps recorded jobs.")
    static let jobTimeout = Setting.number(
        "JOB_TIMEOUT", standard: 600, 1...604_800, "Seconds that one attempt may take, for kinds without a limit of their own.")
    static let keyPrefix = Setting.text(
        "TIDEWHEEL_KEY_PREFIX", "In front of every Redis key and channel: several installations may share a Redis.")
    static let queues = Setting.list("TIDEWHEEL_QUEUES", flag: "queues", "What a worker takes jobs from; all queues when empty.")
    static let slots = Setting.number("TIDEWHEEL_SLOTS", flag: "slots", standard: 4, 1...1_000, "Jobs that one worker runs at once.")
    static let lease = Setting.number(
        "TIDEWHEEL_LEASE_SECONDS", standard: 7, 3...600,
        "A worker that shows no sign of life for this long is dead, and its jobs start again.")
    static let leadInterval = Setting.number(
        "TIDEWHEEL_LEAD_INTERVAL_MS", standard: 1_000, 100...60_000,
        "How often the leader among the workers says that it lives; one that is silent for five times as long is replaced.")
    static let reapInterval = Setting.number(
        "TIDEWHEEL_REAP_INTERVAL_MS", standard: 500, 50...60_000, "How often a worker looks whether others have died.")
    static let promoteInterval = Setting.number(
        "TIDEWHEEL_PROMOTE_INTERVAL_MS", standard: 500, 50...60_000, "How often delayed jobs and retries that are due are queued.")
    static let cancelInterval = Setting.number(
        "TIDEWHEEL_CANCEL_INTERVAL_MS", standard: 1_000, 50...60_000,
        "How often a worker asks whether its jobs were cancelled, should a message have been lost.")
    static let suspectInterval = Setting.number(
        "TIDEWHEEL_SUSPECT_INTERVAL_MS", standard: 500, 50...60_000,
        "How often a worker looks for jobs whose worker died, to run them alone.")
    static let lossInterval = Setting.number(
        "TIDEWHEEL_LOSS_INTERVAL_MS", standard: 1_000, 50...60_000, "How often a worker looks whether Redis has lost its data.")
    static let reconcileInterval = Setting.number(
        "TIDEWHEEL_RECONCILE_INTERVAL_MS", standard: 5_000, 100...600_000,
        "How often the leader looks for recorded jobs that Redis does not know.")
    static let listenInterval = Setting.number(
        "TIDEWHEEL_LISTEN_INTERVAL_MS", standard: 1_000, 50...60_000,
        "How soon a new leader listens for jobs that `tidewheel.enqueue()` announces.")
    static let sweepInterval = Setting.number(
        "TIDEWHEEL_SWEEP_INTERVAL_MS", standard: 1_000, 100...600_000,
        "How often the leader compares 300 of Redis' live jobs with their rows, and ends the event streams of jobs that Redis has lost.")
    static let retainInterval = Setting.number(
        "TIDEWHEEL_RETAIN_INTERVAL_SECONDS", standard: 60, 1...86_400, "How often the leader deletes old records and steps of ended jobs.")
    static let searchInterval = Setting.number(
        "TIDEWHEEL_SEARCH_INTERVAL_MS", standard: 1_000, 100...3_600_000,
        "How often the leader makes up to 500 jobs known to the search of lists.")
    static let recordRetention = Setting.number(
        "TIDEWHEEL_RECORD_RETENTION_DAYS", standard: 90, 0...36_500,
        "How long PostgreSQL keeps a job after its end, with its attempts and steps; 0 keeps it for ever.")
    static let recordRetentionOfKinds = Setting.numbers(
        "TIDEWHEEL_RECORD_RETENTION_KINDS", allowed: "pairs such as chat=7,presentation=0", 0...36_500,
        "Kinds whose records are kept for another number of days, such as `chat=7,presentation=0`.")
    static let conversationRetention = Setting.number(
        "TIDEWHEEL_CONVERSATION_RETENTION_DAYS", standard: 90, 0...36_500,
        "How long PostgreSQL keeps a conversation after its last message; 0 keeps it for ever.")
    static let repairInterval = Setting.number(
        "TIDEWHEEL_REPAIR_INTERVAL_MS", standard: 5_000, 100...600_000,
        "How often the leader looks for live jobs that have lost their place in Redis.")
    static let flowInterval = Setting.number(
        "TIDEWHEEL_FLOW_INTERVAL_MS", standard: 5_000, 100...600_000,
        "How often the leader looks for jobs of flows that wait although their parents have ended.")
    static let scheduleInterval = Setting.number(
        "TIDEWHEEL_SCHEDULE_INTERVAL_MS", standard: 500, 100...60_000,
        "How often the leader looks for schedules that were created meanwhile.")
    static let durationInterval = Setting.number(
        "TIDEWHEEL_DURATION_INTERVAL_MS", standard: 1_000, 100...600_000,
        "How often a worker tells the others how long its completed jobs took.")
    static let reportInterval = Setting.number(
        "TIDEWHEEL_REPORT_INTERVAL_MS", standard: 5_000, 100...600_000, "How often a worker tells /health how its duties went.")
    static let auditRetention = Setting.number(
        "TIDEWHEEL_AUDIT_RETENTION_DAYS", standard: 365, 0...36_500,
        "How long PostgreSQL keeps an entry of the audit log; 0 keeps it for ever.")
    static let drain = Setting.number(
        "TIDEWHEEL_DRAIN_SECONDS", standard: 30, 0...3_600,
        "How long a worker that is told to leave lets its jobs finish before it hands them back.")
    static let apiDrain = Setting.number(
        "TIDEWHEEL_API_DRAIN_SECONDS", standard: 0, 0...600,
        "How long an API that is told to leave says 503 at /readyz before it stops listening.")
    static let allowEviction = Setting.flag(
        "TIDEWHEEL_ALLOW_EVICTION", "1: a worker starts although Redis' maxmemory-policy may throw jobs away.")
    static let postgresPool = Setting.number("TIDEWHEEL_POSTGRES_POOL", standard: 4, 1...100, "Connections of one process to PostgreSQL.")
    static let fetchAllow = Setting.list(
        "TIDEWHEEL_FETCH_ALLOW", flag: "allow", allowed: "hosts, host:port or address blocks such as 10.0.0.0/8, separated by commas",
        accepts: AddressGuard.understands,
        "Hosts, host:port or address blocks that jobs may fetch from although they are not public.")
    static let webhookAllow = Setting.list(
        "TIDEWHEEL_WEBHOOK_ALLOW", allowed: "hosts, host:port or address blocks such as 10.0.0.0/8, separated by commas",
        accepts: AddressGuard.understands,
        "Receivers of webhooks that may be told although they are not public, and by plain http.")
    static let webhookSlots = Setting.number(
        "TIDEWHEEL_WEBHOOK_SLOTS", standard: 16, 0...1_000,
        "Webhooks that one worker sends at once, beside its slots; 0: none of its own, they take the slots of other jobs.")
    static let webhookTimeout = Setting.number(
        "TIDEWHEEL_WEBHOOK_TIMEOUT_SECONDS", standard: 15, 1...30, "How long a receiver of a webhook may take to answer.")
    static let fileRoot = Setting.text(
        "TIDEWHEEL_FILE_ROOT", allowed: "a directory", "Directory below which `document` jobs may read files; none when empty.")
    static let embeddingModel = Setting.text(
        "TIDEWHEEL_EMBEDDING_MODEL", standard: "nomic-embed-text", allowed: "a model name", "The model that embeds documents.")
    static let queryModels = Setting.list(
        "TIDEWHEEL_QUERY_MODELS", standard: "llama3.2,qwen3,mistral", allowed: "1 to 10 models separated by commas",
        accepts: { $0.utf8.count <= 200 },
        "Models that `query_models` and `thinking` ask where a job names none; the first one does projections, translations and dialogues.")
    static let historyTokens = Setting.number(
        "TIDEWHEEL_HISTORY_TOKENS", standard: 2_000, 0...1_000_000,
        "What of a conversation is sent to a model along with a question, at most: it must fit into the model's context beside the question."
    )
    static let cacheHours = Setting.number(
        "TIDEWHEEL_CACHE_HOURS", standard: 168, 0...87_600,
        "How long answers of models are given again to jobs that ask the same; 0 turns the cache off. See [models.md](models.md).")
    static let cacheMebibytes = Setting.number(
        "TIDEWHEEL_CACHE_MIB", standard: 256, 1...1_048_576,
        "Answers that were not used for longest go when all of them are larger than this.")
    static let cacheSimilarity = Setting.fraction(
        "TIDEWHEEL_CACHE_SIMILARITY", standard: 0.95, 0.5...1,
        "Cosine of two prompts from which on one's answer is good for the other, where a job says `semantic`.")
    static let maxConnections = Setting.number(
        "TIDEWHEEL_MAX_CONNECTIONS", standard: 4_096, 1...100_000, "HTTP connections of one API process at once; each is an open file.")
    static let maxEventStreams = Setting.number(
        "TIDEWHEEL_MAX_EVENT_STREAMS", standard: 2_000, 1...100_000,
        "Event streams, WebSockets and held polls of one API process at once; each is a connection too.")
    static let maxUploads = Setting.number("TIDEWHEEL_MAX_UPLOADS", standard: 4, 1...1_000, "Uploads that one API process takes at once.")
    static let scalingLatency = Setting.number(
        "TIDEWHEEL_SCALING_LATENCY_SECONDS", standard: 60, 1...86_400,
        "In this time the backlog of a queue should be done: what `desired` of `/queues/{queue}/scaling` aims at.")
    static let scalingMax = Setting.number(
        "TIDEWHEEL_SCALING_MAX_WORKERS", standard: 100, 1...100_000, "The most workers that `desired` asks for.")
    static let site = Setting.text(
        "TIDEWHEEL_SITE", flag: "site", allowed: "a directory", "A directory of web pages that the API serves at /site/; none when empty.")
    static let patience = Setting.number(
        "TIDEWHEEL_WAIT_SECONDS", standard: 60, 0...3_600, "How long `migrate` waits for PostgreSQL to answer.")
    static let logLevel = Setting.choice(
        "TIDEWHEEL_LOG_LEVEL", standard: "info", ["trace", "debug", "info", "notice", "warning", "error", "critical"],
        "The least important kind of log line that is written.")

    /// Every setting, in the order of docs/settings.md.
    static let table: [SettingEntry] =
        [
            redisURL.entry, databaseURL.entry, qdrantURL.entry, qdrantKey.entry,
            presentonURL.entry, presentonAuth.entry, presentonUser.entry, presentonKey.entry, presentonKeyFile.entry, presentonStall.entry,
            deckDirectory.entry, deckLimit.entry,
            host.entry, apiKeys.entry, port.entry, retention.entry,
            jobTimeout.entry, keyPrefix.entry, queues.entry, slots.entry, lease.entry, leadInterval.entry, reapInterval.entry,
            promoteInterval.entry, cancelInterval.entry, suspectInterval.entry, lossInterval.entry, reconcileInterval.entry,
            listenInterval.entry, sweepInterval.entry, repairInterval.entry, flowInterval.entry, scheduleInterval.entry,
            retainInterval.entry,
            searchInterval.entry, recordRetention.entry, recordRetentionOfKinds.entry, conversationRetention.entry, auditRetention.entry,
            durationInterval.entry,
            reportInterval.entry,
            drain.entry, apiDrain.entry, allowEviction.entry,
            postgresPool.entry, fetchAllow.entry, webhookAllow.entry, webhookSlots.entry, webhookTimeout.entry, fileRoot.entry,
            embeddingModel.entry, queryModels.entry, historyTokens.entry, cacheHours.entry, cacheMebibytes.entry, cacheSimilarity.entry,
            maxConnections.entry,
            maxEventStreams.entry, maxUploads.entry, scalingLatency.entry, scalingMax.entry, site.entry, patience.entry, logLevel.entry,
        ] + modelTable
}
