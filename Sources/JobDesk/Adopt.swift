internal import JobLedger
internal import JobModel
package import JobQueue
internal import Logging
internal import PostgresWire
internal import RedisWire

extension JobDesk {
    /// Makes a job of an entry that another program added to a stream. Its id comes from stream and entry, so adopting it twice gives one job.
    /// What is wrong with it is found when it runs: then it is a dead letter like any other, with its reason in SQL.
    package func adopt(_ foreign: ForeignEntry) async throws(DeskError) {
        let job = try await accepted(adopted(foreign))
        _ = try await asking(redis: { () throws(RedisError) in try await queue.enqueue(job) })
        try await asking(redis: { () throws(RedisError) in try await queue.discard(stream: foreign.stream, entry: foreign.entry) })
        logger.info(
            "Adopted an entry of another program",
            metadata: ["job_id": "\(job.id)", "stream": "\(foreign.stream)", "entry": "\(foreign.entry)"])
    }

    /// What SQL refuses for itself is adopted without its content, and becomes a dead letter that says so: one bad entry must not stop a worker.
    private func accepted(_ job: Job) async throws(DeskError) -> Job {
        guard job.isRecorded else { return job }
        do {
            _ = try await asking(postgres: { () throws(PostgresError) in try await ledger.accept(job, idempotency: nil) })
            return job
        } catch .internalFault(let why) {
            var bare = Job(
                id: job.id, kind: "refused_entry", queue: job.queue, input: [:], metadata: ["refused": .string(why)], maxAttempts: 1)
            bare.createdAt = job.createdAt
            _ = try await asking(postgres: { () throws(PostgresError) in try await ledger.accept(bare, idempotency: nil) })
            return bare
        }
    }

    private func adopted(_ foreign: ForeignEntry) -> Job {
        let fields = foreign.fields.mapValues { $0.replacing("\0", with: "") }
        var metadata = fields["metadata"].flatMap { try? JSONReader.read($0) }?.object ?? [:]
        metadata["foreign_job_id"] = fields["job_id"].map { .string(String($0.prefix(200))) }
        for (name, value) in fields where !["job_id", "metadata", "source_type", "source_uri", "status"].contains(name) {
            metadata[name] = metadata[name] ?? .string(value)
        }
        let request = JobRequest.ingest(
            sourceType: String((fields["source_type"] ?? "").prefix(100)), sourceURI: fields["source_uri"] ?? "",
            metadata: metadata, catalogue: catalogue)
        let kind = catalogue[request.kind]
        let input = kind.flatMap { try? $0.input.accept(request.input).get() } ?? request.input
        return Job(
            id: JobID(stream: foreign.stream, entry: foreign.entry), kind: request.kind, queue: queue.queueName(of: foreign.stream),
            input: input, metadata: request.metadata, isRecorded: kind?.isRecorded ?? true, maxAttempts: kind?.retry.maxAttempts ?? 1,
            timeoutMilliseconds: kind?.timeoutMilliseconds ?? 600_000, estimatedMilliseconds: kind?.estimatedMilliseconds ?? 0)
    }
}
