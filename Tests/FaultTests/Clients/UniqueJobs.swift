import JobModel
import TestServers

/// Two clients' worth of jobs of which one may live at a time.
extension Load {
    func sendUnique(_ number: Int, _ random: inout SeededRandom) async throws {
        async let first: Void = sendOneUnique("\(name)-unique-\(number)-a", random.branch())
        async let second: Void = sendOneUnique("\(name)-unique-\(number)-b", random.branch())
        _ = try await (first, second)
    }

    private func sendOneUnique(_ key: String, _ branch: SeededRandom) async throws {
        var random = branch
        var order = Order.order("single", &random).kept
        order.uniqueKey = "\(name)-\(Int.random(in: 1...2, using: &random))"
        do {
            book.accept(try await door.submit(order, key: key), order)
        } catch let refused as Door.Refused where refused.answer.problem == "unique-held" {
            // Somebody died between taking the key and writing the row: the key ends by itself, and this client does not wait for it.
            book.abandon(key)
        }
    }
}
