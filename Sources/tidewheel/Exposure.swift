/// Who may reach the API and who is listened to must fit: without keys everybody who reaches it may do everything.
import JobAPI

enum Exposure {
    /// The rule of TIDEWHEEL_API_KEYS, if it fits where the API listens.
    static func rule(_ settings: Settings) throws(Refusal) -> CallerRule {
        let rule = CallerRule(rawValue: settings[Known.apiKeys]) ?? .required
        let host = settings[Known.host]
        guard rule != .loopback || Loopback.contains(host) else {
            throw Refusal(
                """
                TIDEWHEEL_HOST is \(host.debugDescription), which others can reach, and no keys are asked for. Set TIDEWHEEL_API_KEYS=required \
                and make a key with `tidewheel key create --name NAME --scopes read,submit,manage`; or TIDEWHEEL_API_KEYS=open, if something \
                else keeps strangers out.
                """)
        }
        return rule
    }
}
