internal import JobDesk
internal import JobModel
internal import JobQueue
internal import NIOCore

/// One open event stream: the jobs that it follows and what is written of each. On the connection's event loop.
final class StreamSession {
    enum Form: Sendable {
        /// Of one job: `id` is the number of the event.
        case job
        /// Of many: `id` is where the stream stands in all of them, `end` closes it.
        case topics
    }

    private let form: Form
    private let desk: JobDesk
    private let isAdmitted: () -> Bool
    /// Jobs as they were read, until they are watched: a stream of hours holds none of them.
    private var jobs: [JobID: Job]
    private var topics: Topics
    private var places: [Int: WatchPlace?] = [:]
    /// How often a job was watched again: a place of an earlier watch has been overtaken.
    private var repeats: [Int: Int] = [:]
    private var unfinished: Set<Int>
    private var isGone = Set<Int>()
    private var isLost = false
    private weak var handler: StreamHandler?
    private var loop: (any EventLoop)?
    private var box: EventBox?

    init(_ topics: Topics, _ jobs: [JobID: Job], _ form: Form, desk: JobDesk, while isAdmitted: @escaping () -> Bool) {
        self.topics = topics
        self.jobs = jobs
        self.form = form
        self.desk = desk
        self.isAdmitted = isAdmitted
        unfinished = Set(topics.ids.indices)
    }

    func open(_ handler: StreamHandler, on loop: any EventLoop) {
        self.handler = handler
        self.loop = loop
        let bound = NIOLoopBound(self, eventLoop: loop)
        box = EventBox { loop.execute { bound.value.deliver() } }
        for index in topics.ids.indices { watch(index, jobs[topics.ids[index]]) }
        jobs = [:]
    }

    func close() {
        places = [:]
        box = nil
    }

    /// From where the stream stands in this job. A watch that cannot be had ends the stream: the client comes again with its last id.
    private func watch(_ index: Int, _ job: Job?) {
        guard let loop, let box else { return }
        guard let job else {
            isGone.insert(index)
            return box.postEnd(index)
        }
        let bound = NIOLoopBound(self, eventLoop: loop)
        let (desk, position, number) = (desk, topics.positions[index], repeats[index])
        Task {
            do throws(DeskError) {
                let place = try await desk.watch(job, after: position > 0 ? position : nil, withTokens: true, into: box, mark: index)
                loop.execute { bound.value.keep(place, index, number) }
            } catch {
                loop.execute { bound.value.handler?.end() }
            }
        }
    }

    private func watchAgain(_ index: Int) {
        guard let loop else { return }
        repeats[index, default: 0] += 1
        let bound = NIOLoopBound(self, eventLoop: loop)
        let (desk, id) = (desk, topics.ids[index])
        Task {
            let job = try? await desk.read(id)
            loop.execute { job == nil ? bound.value.handler?.end() : bound.value.watch(index, job) }
        }
    }

    private func keep(_ place: WatchPlace?, _ index: Int, _ number: Int?) {
        guard box != nil, unfinished.contains(index), repeats[index] == number else { return }
        places[index] = place
    }

    /// What has come, in writes of a bounded size; nothing while the client does not read.
    func deliver() {
        while let box, let handler, handler.hasRoom {
            let (signals, isMore) = box.take(bytes: StreamSession.bytesAtOnce)
            guard !signals.isEmpty else { return }
            // A key that was revoked meanwhile opens nothing more.
            guard isAdmitted() else { return handler.end() }
            if let bytes = bytes(of: signals) { handler.write(bytes) }
            // A loss is no end of a job: the client comes again.
            if isLost || unfinished.isEmpty { return handler.end() }
            guard isMore else { return }
        }
    }

    static let bytesAtOnce = 256 << 10

    /// One event of one job, as most are, is the same bytes for all who watch.
    private func bytes(of signals: [WatchSignal]) -> ByteBuffer? {
        if case .job = form, signals.count == 1, case .event(let index, let event) = signals[0] {
            if let sequence = event.sequence { topics.pass(sequence, of: index) }
            return StreamEvents.frame(event).bytes
        }
        var buffer = ByteBuffer()
        for signal in signals {
            switch signal {
            case .event(let index, let event): write(event, index, to: &buffer)
            case .behind(let index): watchAgain(index)
            case .ended(let index): end(index, &buffer)
            case .lost: isLost = true
            }
        }
        return buffer.readableBytes > 0 ? buffer : nil
    }

    private func write(_ event: WatchedEvent, _ index: Int, to buffer: inout ByteBuffer) {
        if let sequence = event.sequence { topics.pass(sequence, of: index) }
        switch form {
        case .job: buffer.writeImmutableBuffer(StreamEvents.frame(event).bytes)
        case .topics:
            if event.sequence != nil { buffer.writeString("id: \(topics.id)\n") }
            buffer.writeImmutableBuffer(StreamSession.tail(of: event, topics.ids[index]))
        }
    }

    private func end(_ index: Int, _ buffer: inout ByteBuffer) {
        unfinished.remove(index)
        places[index] = nil
        guard case .topics = form else { return }
        if isGone.contains(index) { buffer.writeString("event: gone\ndata: {\"job_id\":\"\(topics.ids[index])\"}\n\n") }
        if unfinished.isEmpty { buffer.writeString("id: \(topics.id)\nevent: end\ndata: {\"jobs\":\(topics.ids.count)}\n\n") }
    }

    /// What follows the id: the same for all streams. The job's id stands in front in the event's JSON, which is never empty.
    private static func tail(of event: WatchedEvent, _ id: JobID) -> ByteBuffer {
        event.forms.form {
            Tail(bytes: ByteBuffer(string: "event: \(event.name)\ndata: {\"job_id\":\"\(id)\",\(event.json.dropFirst())\n\n"))
        }.bytes
    }

    private struct Tail: Sendable {
        let bytes: ByteBuffer
    }
}
