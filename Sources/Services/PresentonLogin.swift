/// How a Presenton is logged in to: older builds have no login, 0.9 has HTTP Basic, newer ones have keys whose header is not settled.
internal import FoundationEssentials

package enum PresentonLogin: Sendable, Equatable {
    case none
    case basic(user: String, password: String)
    case bearer(String)
    case header(name: String, value: String)

    /// Sent with every request, downloads included; never logged.
    var headers: [(String, String)] {
        switch self {
        case .none: []
        case .basic(let user, let password): [("Authorization", "Basic " + Data("\(user):\(password)".utf8).base64EncodedString())]
        case .bearer(let token): [("Authorization", "Bearer \(token)")]
        case .header(let name, let value): [(name, value)]
        }
    }
}
