/// Code that a process has in memory: much of it is used once, while it starts.
import Glibc

enum ProgramPages {
    /// Unmaps the pages of code that were touched so far. What is used again comes back from the page cache, a microsecond or so a page;
    /// what only the start needed does not. Code is never written, so nothing can be lost.
    static func release() {
        guard let maps = fopen("/proc/self/maps", "re") else { return }
        defer { fclose(maps) }
        var buffer: UnsafeMutablePointer<CChar>?
        var size = 0
        defer { free(buffer) }
        while getline(&buffer, &size, maps) > 0, let buffer {
            release(String(cString: buffer))
        }
    }

    private static func release(_ line: String) {
        // 7f01a000-7f02b000 r-xp 00001000 fe:01 1234    /usr/lib/libc.so.6
        let parts = line.split(separator: " ")
        guard parts.count >= 6, parts[1] == "r-xp", parts[5].hasPrefix("/") else { return }
        let ends = parts[0].split(separator: "-").compactMap { UInt($0, radix: 16) }
        guard ends.count == 2, ends[0] < ends[1] else { return }
        _ = madvise(UnsafeMutableRawPointer(bitPattern: ends[0]), Int(ends[1] - ends[0]), MADV_DONTNEED)
    }
}
