import CCrypto

/// A Lua script, known to the server by the SHA-1 of its source.
package struct RedisScript: Sendable, Hashable {
    /// For people and logs; the server never sees it.
    package let name: String
    package let source: [UInt8]
    package let sha: String

    package init(name: String, source: [UInt8]) {
        self.name = name
        self.source = source
        sha = RedisScript.sha1(source)
    }

    /// EVALSHA with the given keys and arguments; EVAL when the server does not know the script.
    func command(bySource: Bool, keys: [String], arguments: [RedisArgument]) -> [RedisArgument] {
        var command: [RedisArgument] = bySource ? ["EVAL", .bytes(source)] : ["EVALSHA", .string(sha)]
        command.reserveCapacity(3 + keys.count + arguments.count)
        command.append(.integer(Int64(keys.count)))
        for key in keys { command.append(.string(key)) }
        command += arguments
        return command
    }

    /// Not for security: it is the name that Redis gives to a source.
    private static func sha1(_ bytes: [UInt8]) -> String {
        var digest = [UInt8](repeating: 0, count: 20)
        var length: UInt32 = 0
        EVP_Digest(bytes, bytes.count, &digest, &length, EVP_sha1(), nil)
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: digest.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }
}
