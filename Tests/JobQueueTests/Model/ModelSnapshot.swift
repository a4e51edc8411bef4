import JobModel
import JobQueue
import RedisWire

/// Everything a Redis holds, as values. What the model believes is compared with this, never with what a script answered.
struct ModelSnapshot {
    struct Entry: Hashable {
        let id: String
        let fields: [String: String]

        var job: String { fields["job_id"] ?? "" }
        /// Another program's, to be adopted.
        var isForeign: Bool { fields["source_type"] != nil }
    }

    var hashes: [String: [String: String]] = [:]
    var lists: [String: [String]] = [:]
    var sortedSets: [String: [String: Double]] = [:]
    var sets: [String: Set<String>] = [:]
    var strings: [String: String] = [:]
    var streams: [String: [Entry]] = [:]
    /// Of a stream that has its group: entry → consumer.
    var pending: [String: [String: String]] = [:]
    /// Milliseconds left; -1 for a key that stays.
    var timeToLive: [String: Int64] = [:]

    static func read(_ redis: RedisConnection) async throws -> ModelSnapshot {
        var snapshot = ModelSnapshot()
        for row in try await redis.run(everything, keys: [], arguments: []).array ?? [] {
            guard let parts = row.array, parts.count == 5, let name = parts[0].string, let type = parts[1].string else { continue }
            snapshot.timeToLive[name] = parts[2].integer
            snapshot.keep(parts[3], as: type, of: name)
            if type == "stream", !parts[4].isNull { snapshot.pending[name] = pending(parts[4]) }
        }
        return snapshot
    }

    /// One round trip for all keys: {name, type, ms left, value, of a stream what is pending}.
    private static let everything = RedisScript(
        name: "everything",
        source: Array(
            """
            #!lua flags=no-writes
            local questions = {hash = {'HGETALL'}, list = {'LRANGE', 0, -1}, zset = {'ZRANGE', 0, -1, 'WITHSCORES'}, set = {'SMEMBERS'},
                stream = {'XRANGE', '-', '+'}, string = {'GET'}}
            local rows = {}
            for _, name in ipairs(redis.call('KEYS', '*')) do
                local type = redis.call('TYPE', name).ok
                local question = questions[type]
                local pending = type == 'stream' and redis.pcall('XPENDING', name, 'workers', '-', '+', 1000) or {}
                rows[#rows + 1] = {name, type, redis.call('PTTL', name), redis.call(question[1], name, unpack(question, 2)),
                    not pending.err and pending}
            end
            return rows
            """.utf8))

    private mutating func keep(_ reply: RedisReply, as type: String, of name: String) {
        switch type {
        case "hash": hashes[name] = reply.fields ?? [:]
        case "list": lists[name] = reply.array?.compactMap(\.string) ?? []
        case "zset": sortedSets[name] = (reply.fields ?? [:]).compactMapValues(Double.init)
        case "set": sets[name] = Set(reply.array?.compactMap(\.string) ?? [])
        case "stream":
            streams[name] = (reply.array ?? []).compactMap { row in
                guard let parts = row.array, parts.count == 2, let id = parts[0].string else { return nil }
                return Entry(id: id, fields: parts[1].fields ?? [:])
            }
        case "string": strings[name] = reply.string
        default: break
        }
    }

    private static func pending(_ reply: RedisReply) -> [String: String] {
        var pending: [String: String] = [:]
        for row in reply.array ?? [] {
            guard let parts = row.array, parts.count == 4, let entry = parts[0].string else { continue }
            pending[entry] = parts[1].string ?? ""
        }
        return pending
    }
}
