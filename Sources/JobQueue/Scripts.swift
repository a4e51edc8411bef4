package import RedisWire

/// The Lua scripts: one file a transition, each with its contract on top. `shared.lua` goes behind the first line of every one;
/// `limits.lua`, `lanes.lua` and `parked.lua` behind it where jobs are moved, `model_permits.lua` where permits are; of all of them only what the script uses.
package enum Scripts {
    package static let enqueue = script("enqueue", PackageResources.enqueue_lua, moves: true)
    package static let claim = script("claim", PackageResources.claim_lua, moves: true)
    package static let report = script("report", PackageResources.report_lua)
    package static let murmur = script("murmur", PackageResources.murmur_lua)
    package static let step = script("step", PackageResources.step_lua)
    package static let settle = script("settle", PackageResources.settle_lua, moves: true)
    package static let cancel = script("cancel", PackageResources.cancel_lua, moves: true)
    package static let promote = script("promote", PackageResources.promote_lua, moves: true)
    package static let retry = script("retry", PackageResources.retry_lua, moves: true)
    package static let reserve = script("reserve", PackageResources.reserve_lua)
    package static let setLimits = script("set_limits", PackageResources.set_limits_lua, moves: true)
    package static let sweepLimits = script("sweep_limits", PackageResources.sweep_limits_lua, moves: true)
    package static let beat = script("beat", PackageResources.beat_lua)
    package static let drain = script("drain", PackageResources.drain_lua)
    package static let observe = script("observe", PackageResources.observe_lua)
    package static let silence = script("silence", PackageResources.silence_lua)
    package static let reclaim = script("reclaim", PackageResources.reclaim_lua)
    package static let held = script("held", PackageResources.held_lua)
    package static let release = script("release", PackageResources.release_lua, moves: true)
    package static let leave = script("leave", PackageResources.leave_lua)
    package static let repair = script("repair", PackageResources.repair_lua, moves: true)
    package static let passed = script("passed", PackageResources.passed_lua)
    package static let close = script("close", PackageResources.close_lua, moves: true)
    package static let subject = script("subject", PackageResources.subject_lua)
    package static let position = script("position", PackageResources.position_lua)
    package static let durations = script("durations", PackageResources.durations_lua)
    package static let spend = script("spend", PackageResources.spend_lua)
    package static let takePermit = script("take_permit", PackageResources.take_permit_lua, passesPermits: true)
    package static let givePermit = script("give_permit", PackageResources.give_permit_lua, passesPermits: true)
    package static let sweepPermits = script("sweep_permits", PackageResources.sweep_permits_lua, passesPermits: true)
    package static let lease = script("lease", PackageResources.lease_lua)
    package static let charge = script("charge", PackageResources.charge_lua)

    package static let all = [
        enqueue, claim, report, murmur, step, settle, cancel, promote, retry, reserve, setLimits, sweepLimits, beat, drain, observe,
        silence, reclaim, held,
        release, leave, repair, passed, close, subject, position, durations, spend, charge, lease, takePermit,
        givePermit, sweepPermits,
    ]

    private static func script(_ name: String, _ body: [UInt8], moves: Bool = false, passesPermits: Bool = false) -> RedisScript {
        let firstLine = body.prefix { $0 != UInt8(ascii: "\n") }
        let rest = body.dropFirst(firstLine.count)
        let moving = PackageResources.limits_lua + PackageResources.lanes_lua + PackageResources.parked_lua
        let prelude = Prelude(
            PackageResources.shared_lua + (moves ? moving : []) + (passesPermits ? PackageResources.model_permits_lua : []))
        return RedisScript(name: name, source: firstLine + [UInt8(ascii: "\n")] + prelude.complete(rest))
    }
}
