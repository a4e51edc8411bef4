/// A key in a file, as secret stores mount them.
import FoundationEssentials

enum KeyFile {
    private static let maxBytes = 8 << 10

    /// Its last line end does not count.
    static func read(_ path: String, of setting: String) throws(Refusal) -> String {
        guard let bytes = FileManager.default.contents(atPath: path), let text = String(validating: bytes, as: UTF8.self) else {
            throw Refusal("\(setting) is \(path.debugDescription); it must be a text file that this process can read.")
        }
        let isEnd: (Character) -> Bool = { $0 == "\n" || $0 == "\r\n" || $0 == "\r" }
        return try checked(String(text.reversed().drop(while: isEnd).reversed()), of: setting)
    }

    /// It becomes the value of a header.
    static func checked(_ key: String, of setting: String) throws(Refusal) -> String {
        let isPlain = key.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7f }
        guard !key.isEmpty, key.utf8.count <= maxBytes, isPlain else {
            throw Refusal("The key of \(setting) is empty, longer than \(maxBytes) bytes, or has control characters.")
        }
        return key
    }
}
