/// Follows the frames of a RESP2 byte stream without keeping it, and says how many bytes may be passed on. Lengths and counts are checked
/// when they are announced, so a server that announces a gigabyte costs nothing. Takes a look at each byte of a line, and none of a bulk's: the cost follows the number
/// of elements, not their size.
struct ReplyGate {
    private enum Place {
        /// Inside a line that begins with a marker.
        case header
        /// Inside a bulk, with so many bytes to come, the line end included: these are not looked at.
        case skipping(Int)
    }

    private let maxBytes: Int
    private let maxDepth: Int
    private var place = Place.header
    /// The line so far, up to the 32 bytes that a marker and a length can need.
    private var header: [UInt8] = []
    /// Elements still to come, per open array.
    private var open: [Int] = []
    /// Bytes of this reply so far, and 16 for every element that an array announced.
    private var cost = 0
    /// Set once; afterwards nothing passes.
    private(set) var refusal: String?

    init(maxBytes: Int, maxDepth: Int) {
        self.maxBytes = maxBytes
        self.maxDepth = maxDepth
        header.reserveCapacity(64)
    }

    /// The number of leading bytes that are allowed; fewer than given means `refusal` is set and the stream is over.
    mutating func pass(_ bytes: UnsafeRawBufferPointer) -> Int {
        var index = 0
        while index < bytes.count, refusal == nil {
            switch place {
            case .skipping(let left):
                let step = min(left, bytes.count - index)
                index += step
                place = .skipping(left - step)
                if left == step { endElement() }
            case .header:
                let byte = bytes[index]
                if byte == 0x0A { endHeader() } else { collect(byte) }
                if refusal != nil { return index }
                index += 1
            }
        }
        return index
    }

    /// Only the first bytes of a line matter; the rest of a status or error line is counted.
    private mutating func collect(_ byte: UInt8) {
        cost += 1
        if header.count < 32 { header.append(byte) }
        if cost > maxBytes { refuse() }
    }

    /// Null bulks and arrays (-1) and empty arrays are whole with their line. Unknown markers are left to hiredis, which refuses them.
    private mutating func endHeader() {
        let marker = header.first ?? 0
        let count = marker == UInt8(ascii: "$") || marker == UInt8(ascii: "*") ? announced() : 0
        header.removeAll(keepingCapacity: true)
        guard let count else { return refusal = "a length is not a number" }
        switch marker {
        case UInt8(ascii: "$") where count >= 0:
            guard spend(count) else { return }
            place = .skipping(count + 2)
        case UInt8(ascii: "*") where count > 0:
            guard open.count < maxDepth else { return refusal = "a reply is nested deeper than \(maxDepth) levels" }
            guard count <= Int(Int32.max), spend(count.multipliedReportingOverflow(by: 16).partialValue) else { return refuse() }
            open.append(count)
        default: endElement()
        }
    }

    /// Closes every array whose last element this was. At the top a reply is whole, and the next one has the full allowance again.
    private mutating func endElement() {
        place = .header
        while let left = open.popLast() {
            if left > 1 {
                open.append(left - 1)
                return
            }
        }
        cost = 0
    }

    /// Nil for anything but digits behind at most one sign: hiredis would refuse it too, but after it had made room.
    private func announced() -> Int? {
        var (value, digits, isNegative) = (0, 0, false)
        for (index, byte) in header.enumerated().dropFirst() where byte != 0x0D {
            if byte == UInt8(ascii: "-"), index == 1 {
                isNegative = true
                continue
            }
            guard (0x30...0x39).contains(byte), digits < 18 else { return nil }
            value = value * 10 + Int(byte) - 0x30
            digits += 1
        }
        return digits == 0 ? nil : isNegative ? -value : value
    }

    /// Sums that overflow are over the limit; nothing here can trap on what a server announces.
    private mutating func spend(_ amount: Int) -> Bool {
        let (sum, overflow) = cost.addingReportingOverflow(amount)
        if overflow || sum > maxBytes { refuse() } else { cost = sum }
        return refusal == nil
    }

    private mutating func refuse() {
        refusal = "a reply is larger than \(maxBytes) bytes"
    }
}
