internal import JobModel

/// What a client says over a WebSocket: one JSON object a message.
enum SocketCommand: Sendable {
    case auth(String)
    case watch(JobID, after: Int64, withTokens: Bool)
    case unwatch(JobID)
    case ping(JSONValue?)

    enum Name: String, CaseIterable {
        case auth, watch, unwatch, ping
    }

    struct Fault: Error {
        let code: SocketMessage.Fault
        let message: String
    }

    init(_ text: String) throws(Fault) {
        let json: JSONValue
        do throws(JSONError) { json = try JSONReader.read(text, depth: 8) } catch {
            throw Fault(code: .invalidMessage, message: "a message is a JSON object: \(error.reason), at byte \(error.offset)")
        }
        guard let members = json.object, let type = members["type"]?.string else {
            throw Fault(code: .invalidMessage, message: "a message is a JSON object with a \"type\"")
        }
        guard let name = Name(rawValue: type) else {
            let known = Name.allCases.map(\.rawValue).joined(separator: ", ")
            throw Fault(code: .unknownType, message: "\(type.prefix(50).debugDescription) is not known; there are: \(known)")
        }
        switch name {
        case .auth: self = .auth(try SocketCommand.key(members))
        case .watch:
            self = .watch(
                try SocketCommand.job(members), after: try SocketCommand.after(members), withTokens: try SocketCommand.tokens(members))
        case .unwatch: self = .unwatch(try SocketCommand.job(members))
        case .ping: self = .ping(try SocketCommand.echo(members))
        }
    }

    private static func key(_ members: [String: JSONValue]) throws(Fault) -> String {
        guard let key = members["key"]?.string else { throw Fault(code: .invalidMessage, message: "auth needs a \"key\"") }
        return key
    }

    /// Ids that are not of our making are jobs that do not exist.
    private static func job(_ members: [String: JSONValue]) throws(Fault) -> JobID {
        guard let text = (members["job_id"] ?? members["jobId"])?.string else {
            throw Fault(code: .invalidMessage, message: "\"job_id\" says which job is meant")
        }
        guard let id = JobID(text) else { throw Fault(code: .unknownJob, message: "there is no job of this id") }
        return id
    }

    private static func after(_ members: [String: JSONValue]) throws(Fault) -> Int64 {
        guard let value = members["after"], value != .null else { return 0 }
        guard let number = value.integer, 0...JobEvent.greatestNumber ~= Int64(number) else {
            throw Fault(code: .invalidMessage, message: "\"after\" is the seq of the last message that you have: a whole number")
        }
        return Int64(number)
    }

    private static func tokens(_ members: [String: JSONValue]) throws(Fault) -> Bool {
        guard let value = members["tokens"] else { return true }
        guard case .boolean(let flag) = value else { throw Fault(code: .invalidMessage, message: "\"tokens\" is true or false") }
        return flag
    }

    private static func echo(_ members: [String: JSONValue]) throws(Fault) -> JSONValue? {
        switch members["id"] {
        case nil: return nil
        case let .string(text)? where text.utf8.count <= 100: return .string(text)
        case let .integer(number)?: return .integer(number)
        default: throw Fault(code: .invalidMessage, message: "\"id\" is a number or a short text")
        }
    }
}
