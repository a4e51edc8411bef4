package import JobModel
internal import Synchronization

/// The protocol over standard input and output: one message a line, several calls at once. Says nothing but messages.
package struct LineServer: Sendable {
    private let server: ToolServer
    private let door: any APIDoor
    private let write: @Sendable (JSONValue) -> Void
    private let calls = CallsUnderWay()

    /// `write` puts one message out as one line; it is called from several tasks at once.
    package init(_ server: ToolServer, door: any APIDoor, write: @escaping @Sendable (JSONValue) -> Void) {
        self.server = server
        self.door = door
        self.write = write
    }

    /// Ends with the lines: what is under way then has `grace` to be answered; what waits for longer is given up, and its job goes on.
    package func serve(_ lines: some AsyncSequence<[UInt8], Never>, grace: Duration = .seconds(1)) async {
        let end = await withDiscardingTaskGroup { group in
            for await line in lines where line.contains(where: { $0 > 0x20 }) { receive(line, in: &group) }
            return Task {
                try? await Task.sleep(for: grace)
                calls.cancelAll()
            }
        }
        end.cancel()
    }

    private func receive(_ line: [UInt8], in group: inout DiscardingTaskGroup) {
        do throws(RPCFailure) {
            let value: JSONValue
            do throws(JSONError) { value = try JSONReader.read(line) } catch { throw .notJSON(error) }
            guard case .request(let request) = try RPCMessage(value) else { return }
            guard let id = request.id else {
                if request.method == "notifications/cancelled", let id = request.params["requestId"] { calls.cancel(id) }
                return
            }
            let call = calls.begin(id)
            group.addTask { await run(request, call) }
        } catch { write(error.document) }
    }

    /// A call that was cancelled is not answered.
    private func run(_ request: RPCRequest, _ call: CallsUnderWay.Call) async {
        let task = Task {
            let message: JSONValue
            do throws(RPCFailure) {
                let isModern = Envelope.isModern(request) { _ in nil }
                if isModern { try Envelope.checkMeta(request) }
                message = try await server.answer(request, isModern: isModern, through: door) { [write, calls] in
                    if !calls.isCancelled(call) { write($0) }
                }
            } catch { message = error.answering(request.id).document }
            if calls.end(call) { write(message) }
        }
        calls.hold(call) { task.cancel() }
        await task.value
    }
}

/// Calls by their ids, so that they can be cancelled by them.
private final class CallsUnderWay: Sendable {
    struct Call: Hashable, Sendable {
        let id: JSONValue
        let number: Int
    }

    private struct State {
        var next = 0
        var running: [Call: @Sendable () -> Void] = [:]
        var cancelled: Set<Call> = []
    }

    private let state = Mutex(State())

    func begin(_ id: JSONValue) -> Call {
        state.withLock { state in
            state.next += 1
            let call = Call(id: id, number: state.next)
            state.running[call] = {}
            return call
        }
    }

    func hold(_ call: Call, cancel: @escaping @Sendable () -> Void) {
        let isLate = state.withLock { state in
            guard state.running[call] != nil else { return false }
            state.running[call] = cancel
            return state.cancelled.contains(call)
        }
        if isLate { cancel() }
    }

    func isCancelled(_ call: Call) -> Bool { state.withLock { $0.cancelled.contains(call) } }

    /// Whether it may be answered.
    func end(_ call: Call) -> Bool {
        state.withLock { state in
            state.running[call] = nil
            return state.cancelled.remove(call) == nil
        }
    }

    func cancel(_ id: JSONValue) {
        for action in state.withLock({ state in
            let meant = state.running.filter { $0.key.id == id }
            state.cancelled.formUnion(meant.keys)
            return Array(meant.values)
        }) { action() }
    }

    /// Nobody is answered any more: clients that closed their side have stopped to read, and official ones fail over a late word.
    func cancelAll() {
        for action in state.withLock({ state in
            state.cancelled.formUnion(state.running.keys)
            return Array(state.running.values)
        }) { action() }
    }
}
