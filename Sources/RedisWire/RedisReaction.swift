/// What a client does about an error reply.
package enum RedisReaction: Sendable, Equatable {
    /// The node will answer soon: repeat there after a pause.
    case retrySameNode
    /// The wrong node: the connection is dropped and dialled again, then repeat.
    case reconnect
    /// Create the consumer group from `0`, then repeat.
    case recreateGroup
    /// Already as it should be.
    case success
    /// Send the script's source.
    case sendSource
    /// A blocked read was ended by the server: enter the loop again.
    case enterAgain
    /// Nothing was done; wait with jitter and tell the operator when it lasts.
    case backOff
    /// Memory limit: take no new work, keep what is there pending.
    case refuseIntake
    /// Credentials, ACL or a kind of server that is not supported: an operator must change the configuration.
    case stop
    /// Our own mistake.
    case bug
}

extension RedisServerError {
    /// The one table of error replies, by first word. `ERR` needs its text, because Redis has no code for a full house.
    package var reaction: RedisReaction {
        switch code {
        case "LOADING", "TRYAGAIN": .retrySameNode
        case "READONLY", "MASTERDOWN": .reconnect
        case "NOGROUP": .recreateGroup
        case "BUSYGROUP": .success
        case "NOSCRIPT": .sendSource
        case "UNBLOCKED": .enterAgain
        case "NOREPLICAS", "MISCONF", "BUSY", "CLUSTERDOWN", "EXECABORT": .backOff
        case "OOM": .refuseIntake
        case "NOAUTH", "WRONGPASS", "NOPERM", "MOVED", "ASK": .stop
        case "ERR": message.hasPrefix("max number of clients") ? .backOff : isCredentialText ? .stop : .bug
        default: .bug
        }
    }

    /// Redis refuses a password that it does not need with a plain `ERR`.
    private var isCredentialText: Bool {
        message.hasPrefix("AUTH") || message.hasPrefix("invalid password") || message.hasPrefix("Client sent AUTH")
    }
}
