internal import HTTPTypes
internal import JobModel
internal import JobQueue

/// `RateLimit-Policy` and `RateLimit` as draft-ietf-httpapi-ratelimit-headers-10 has them: what a key may do, and what is left of it.
/// The quotas of jobs have a unit of our own, `jobs`.
enum RateHeaders {
    static func add(to headers: inout HTTPFields, _ key: APIKey, _ allowance: Allowance?, _ charge: Charge?) {
        let policies = policies(key)
        guard !policies.isEmpty else { return }
        headers[named: "RateLimit-Policy"] = policies.joined(separator: ", ")
        let left = left(allowance, charge)
        if !left.isEmpty { headers[named: "RateLimit"] = left.joined(separator: ", ") }
    }

    /// A bucket is told as what it holds, and how long it takes to fill.
    private static func policies(_ key: APIKey) -> [String] {
        var policies: [String] = []
        if let rate = key.rate {
            let window = (Int64(rate.burst) * rate.perMilliseconds / Int64(rate.count) + 999) / 1000
            policies.append("\"\(QuotaPolicy.requests.rawValue)\";q=\(rate.burst);w=\(max(1, window))")
        }
        if let most = key.jobsADay { policies.append("\"\(QuotaPolicy.jobsADay.rawValue)\";q=\(most);qu=\"jobs\";w=86400") }
        if let most = key.liveJobs { policies.append("\"\(QuotaPolicy.liveJobs.rawValue)\";q=\(most);qu=\"jobs\"") }
        return policies
    }

    private static func left(_ allowance: Allowance?, _ charge: Charge?) -> [String] {
        var left: [String] = []
        if let allowance {
            left.append("\"\(QuotaPolicy.requests.rawValue)\";r=\(allowance.left);t=\(seconds(allowance.fullInMilliseconds))")
        }
        if let charge, let today = charge.leftToday {
            left.append("\"\(QuotaPolicy.jobsADay.rawValue)\";r=\(today);t=\(seconds(charge.tomorrowInMilliseconds))")
        }
        if let room = charge?.roomForLive { left.append("\"\(QuotaPolicy.liveJobs.rawValue)\";r=\(room)") }
        return left
    }

    static func seconds(_ milliseconds: Int64) -> Int64 {
        (milliseconds + 999) / 1000
    }
}
