/// CPU and memory of another process, from outside: nothing in it knows that it is measured.
import Glibc

struct ProcessGauge: Sendable {
    let processID: Int32

    struct Memory: Sendable {
        var resident = 0
        var anonymous = 0
    }

    static var own: ProcessGauge { ProcessGauge(processID: getpid()) }

    /// Seconds of all its threads, user and system, since it started; nil when it has ended.
    var cpuSeconds: Double? {
        var clock = clockid_t()
        var time = timespec()
        guard clock_getcpuclockid(processID, &clock) == 0, clock_gettime(clock, &time) == 0 else { return nil }
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    /// Bytes now; nil when it has ended.
    var memory: Memory? {
        guard let status = text("/proc/\(processID)/status"), status.contains("RssAnon:") else { return nil }
        var memory = Memory()
        for line in status.split(separator: "\n") {
            let words = line.split(whereSeparator: { $0 == " " || $0 == "\t" })
            guard words.count >= 2, let kibibytes = Int(words[1]) else { continue }
            if words[0] == "VmRSS:" { memory.resident = kibibytes * 1024 }
            if words[0] == "RssAnon:" { memory.anonymous = kibibytes * 1024 }
        }
        return memory
    }

    private func text(_ path: String) -> String? {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: 8192)
        let count = read(file, &bytes, bytes.count)
        return count > 0 ? String(decoding: bytes.prefix(count), as: UTF8.self) : nil
    }
}

extension ProcessGauge.Memory {
    mutating func raise(to other: ProcessGauge.Memory?) {
        resident = max(resident, other?.resident ?? 0)
        anonymous = max(anonymous, other?.anonymous ?? 0)
    }
}
