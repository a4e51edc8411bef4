/// Presenton and the directory for its files, from the settings. What is half set is refused at the start, not at the first job.
import JobKinds
import PageText
import Services
import WebFetch

struct PresentonSettings {
    let settings: Settings

    /// Nil without PRESENTON_URL.
    func rooms(_ fetcher: Fetcher, directory: String?) throws -> DeckRooms? {
        guard let url = settings[optional: Known.presentonURL] else { return nil }
        guard !url.contains("@") else {
            throw Refusal("PRESENTON_URL must not hold a user name or password: set PRESENTON_AUTH, PRESENTON_USER and PRESENTON_KEY.")
        }
        guard WebAddress.host(of: url) != "api.presenton.ai" else {
            throw Refusal("PRESENTON_URL is Presenton's cloud, which speaks another API; it must be a self-hosted server.")
        }
        let store = directory.map { DeckStore(directory: $0, maxBytes: settings[Known.deckLimit] << 20) }
        var pacing = DeckPacing()
        pacing.stall = .seconds(settings[Known.presentonStall])
        return DeckRooms(presenton: Presenton(url: url, login: try login(), fetcher: fetcher), store: store, pacing: pacing)
    }

    private func login() throws -> PresentonLogin {
        let way = settings[Known.presentonAuth]
        let key = try key()
        guard way != "none" else {
            guard key == nil else { throw Refusal("There is a key for Presenton and PRESENTON_AUTH is none: say how it is sent.") }
            return .none
        }
        guard let key else { throw Refusal("PRESENTON_AUTH is \(way): set PRESENTON_KEY or PRESENTON_KEY_FILE.") }
        switch way {
        case "basic":
            guard let user = settings[optional: Known.presentonUser], !user.contains(":") else {
                throw Refusal("PRESENTON_AUTH is basic: set PRESENTON_USER, without a colon.")
            }
            return .basic(user: user, password: key)
        case "bearer": return .bearer(key)
        default: return .header(name: String(way.dropFirst("header:".count)), value: key)
        }
    }

    private func key() throws -> String? {
        let (keyName, fileName) = (Known.presentonKey.entry.name, Known.presentonKeyFile.entry.name)
        let given = settings[optional: Known.presentonKey]
        guard let path = settings[optional: Known.presentonKeyFile] else { return try given.map { try KeyFile.checked($0, of: keyName) } }
        guard given == nil else { throw Refusal("\(keyName) and \(fileName) are both set: one of them is enough.") }
        return try KeyFile.read(path, of: fileName)
    }

    /// `none`, `basic`, `bearer`, or `header:` and a name.
    static func isWay(_ text: String) -> Bool {
        guard text.hasPrefix("header:") else { return ["none", "basic", "bearer"].contains(text) }
        let name = text.dropFirst("header:".count)
        return (1...100).contains(name.utf8.count)
            && name.utf8.allSatisfy { byte in
                byte == 0x2d || byte == 0x5f || (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
            }
    }
}
