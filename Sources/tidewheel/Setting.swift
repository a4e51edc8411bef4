/// One thing that can be set: its name in the environment and the settings file, its flag, what it may be, and what holds when nobody says anything.
/// `Settings.swift` lists them; `SettingSources.swift` finds their values.

struct Setting<Value: Sendable>: Sendable {
    let entry: SettingEntry
    let parse: @Sendable (String) -> Value?
}

/// What the table, the error messages and docs/settings.md need of a setting.
struct SettingEntry: Sendable {
    let name: String
    let flag: String?
    /// As it would be written; empty means none.
    let standard: String
    /// Completes the sentence "it must be …".
    let allowed: String
    let meaning: String
    /// Never shown, not even in the message that refuses it.
    let isSecret: Bool
    let accepts: @Sendable (String) -> Bool
}

extension Setting {
    init(
        _ name: String, flag: String? = nil, standard: String = "", allowed: String, isSecret: Bool = false, _ meaning: String,
        parse: @escaping @Sendable (String) -> Value?
    ) {
        entry = SettingEntry(
            name: name, flag: flag, standard: standard, allowed: allowed, meaning: meaning, isSecret: isSecret,
            accepts: { parse($0) != nil })
        self.parse = parse
    }
}

extension Setting where Value == Int {
    static func number(_ name: String, flag: String? = nil, standard: Int, _ range: ClosedRange<Int>, _ meaning: String) -> Setting {
        Setting(
            name, flag: flag, standard: String(standard), allowed: "a whole number from \(range.lowerBound) to \(range.upperBound)", meaning
        ) { text in Int(text).flatMap { range.contains($0) ? $0 : nil } }
    }
}

extension Setting where Value == Double {
    static func fraction(_ name: String, standard: Double, _ range: ClosedRange<Double>, _ meaning: String) -> Setting {
        let allowed = "a number from \(range.lowerBound) to \(range.upperBound)"
        return Setting(name, standard: "\(standard)", allowed: allowed, meaning) { text in
            Double(text).flatMap { range.contains($0) ? $0 : nil }
        }
    }
}

extension Setting where Value == Bool {
    static func flag(_ name: String, _ meaning: String) -> Setting {
        Setting(name, standard: "0", allowed: "1 or 0", meaning) { ["1": true, "true": true, "0": false, "false": false][$0.lowercased()] }
    }
}

extension Setting where Value == String {
    static func text(_ name: String, flag: String? = nil, standard: String = "", allowed: String = "a text", _ meaning: String) -> Setting {
        Setting(name, flag: flag, standard: standard, allowed: allowed, meaning) { $0 }
    }

    /// An address of a service. It may hold a password, so its value is never shown.
    static func address(
        _ name: String, flag: String? = nil, standard: String = "", schemes: [String], _ meaning: String
    ) -> Setting {
        let allowed = "an address that begins with " + schemes.map { $0 + "://" }.joined(separator: " or ")
        return Setting(name, flag: flag, standard: standard, allowed: allowed, isSecret: true, meaning) { text in
            schemes.contains { text.lowercased().hasPrefix($0 + "://") } ? text : nil
        }
    }

    static func choice(_ name: String, standard: String = "", _ words: [String], _ meaning: String) -> Setting {
        Setting(name, standard: standard, allowed: words.joined(separator: " or "), meaning) { words.contains($0) ? $0 : nil }
    }
}

extension Setting where Value == [String] {
    /// Several addresses of a service, separated by commas; never shown.
    static func addresses(_ name: String, schemes: [String], _ meaning: String) -> Setting {
        let allowed = "addresses that begin with " + schemes.map { $0 + "://" }.joined(separator: " or ") + ", separated by commas"
        return Setting(name, allowed: allowed, isSecret: true, meaning) { text in
            let addresses = text.split(whereSeparator: { $0 == "," || $0 == " " }).map(String.init)
            let areAll = addresses.allSatisfy { address in schemes.contains { address.lowercased().hasPrefix($0 + "://") } }
            return areAll && !addresses.isEmpty ? addresses : nil
        }
    }

    static func list(
        _ name: String, flag: String? = nil, standard: String = "", allowed: String = "names separated by commas",
        accepts: @escaping @Sendable (String) -> Bool = { _ in true }, _ meaning: String
    ) -> Setting {
        Setting(name, flag: flag, standard: standard, allowed: allowed, meaning) { text in
            let entries = text.split(whereSeparator: { $0 == "," || $0 == " " }).map(String.init)
            return entries.allSatisfy(accepts) ? entries : nil
        }
    }
}

extension Setting where Value == [String: Int] {
    /// `name=number` pairs; a name may stand there once.
    static func numbers(_ name: String, allowed: String, _ range: ClosedRange<Int>, _ meaning: String) -> Setting {
        Setting(name, allowed: allowed, meaning) { text in
            var numbers: [String: Int] = [:]
            for pair in text.split(whereSeparator: { $0 == "," || $0 == " " }) {
                let parts = pair.split(separator: "=", omittingEmptySubsequences: false)
                guard parts.count == 2, !parts[0].isEmpty, let number = Int(parts[1]), range.contains(number),
                    numbers[String(parts[0])] == nil
                else { return nil }
                numbers[String(parts[0])] = number
            }
            return numbers
        }
    }
}
