internal import PostgresWire

/// The SQL of this room, by file name. Every statement is a constant; data is bound.
enum Statements {
    static let accept = text(PackageResources.accept_sql)
    static let acceptedBefore = text(PackageResources.accepted_before_sql)
    static let recordStart = text(PackageResources.record_start_sql)
    static let record = text(PackageResources.record_sql)
    static let recordedBefore = text(PackageResources.recorded_before_sql)
    static let endUnclaimed = text(PackageResources.end_unclaimed_sql)
    static let fence = text(PackageResources.fence_sql)
    static let jobsByID = text(PackageResources.select_jobs_sql + PackageResources.where_ids_sql)
    static let liveJobs = text(PackageResources.select_jobs_sql + PackageResources.where_live_sql)
    static let lastDurations = text(PackageResources.last_durations_sql)
    static let storeDocument = text(PackageResources.store_document_sql)
    static let storeChunks = text(PackageResources.store_chunks_sql)
    static let storeVectors = text(PackageResources.store_vectors_sql)
    static let nearest = text(PackageResources.nearest_sql)
    static let nearestByExtension = text(PackageResources.nearest_pgvector_sql)
    static let selectLimits = text(PackageResources.select_limits_sql)
    static let setLimit = text(PackageResources.set_limit_sql)
    static let removeLimit = text(PackageResources.remove_limit_sql)
    static let pauseQueue = text(PackageResources.pause_queue_sql)
    static let resumeQueue = text(PackageResources.resume_queue_sql)
    static let pausedQueues = text(PackageResources.paused_queues_sql)
    static let promote = text(PackageResources.promote_sql)
    static let leadRenew = text(PackageResources.lead_renew_sql)
    static let leadTake = text(PackageResources.lead_take_sql)
    static let leadResign = text(PackageResources.lead_resign_sql)
    static let storeSteps = text(PackageResources.store_steps_sql)
    static let forgetSteps = text(PackageResources.forget_steps_sql)
    static let forgetJobs = text(PackageResources.forget_jobs_sql)
    static let migrationPath = text(PackageResources.migration_path_sql)
    static let migrationsTable = text(PackageResources.migrations_table_sql)

    static func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
}
