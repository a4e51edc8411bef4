/// A stand-in for a Presenton server, written from the wire reference: the routes that make decks, in the background and while one waits, tasks that
/// go on with every look at them, and what builds of different ages do differently. It counts decks: that is what tests are about.
package import JobModel
import Synchronization

package final class StandInPresenton: Sendable {
    /// What differs between builds and installations.
    package struct Build: Sendable {
        /// From August 2026 on a completed task says where its file is.
        package var namesPaths = true
        package var listsTasks = true
        package var hasBackground = true
        /// The header that every request must carry.
        package var authorization: String?
        package var slidesPerLook = 5
        package var listsDecks = true

        package init() {}
        package static let old: Build = {
            var build = Build()
            build.namesPaths = false
            build.listsTasks = false
            return build
        }()
    }

    /// Points at which a test may stop the world: the handler waits for the test's closure.
    package enum Moment: Sendable, Hashable {
        case listed
        /// The task exists, and its maker has not been told.
        case asked
        /// So many looks at the task, this one not yet answered.
        case looked(Int)
        case fetched
        case made
    }

    private struct Task {
        let id: String
        let presentation: String
        let slides: Int
        var made = 0
        var looks = 0
        var end: JSONValue?
        var isStuck = false

        var isDone: Bool { made >= slides && end == nil }
    }

    private struct State {
        var tasks: [String: Task] = [:]
        var order: [String] = []
        var decks = 0
        /// Given out first, one for each question for a deck.
        var answers: [StubResponse] = []
        /// What becomes of the next tasks.
        var ends: [JSONValue?] = []
        var file: StubResponse = .answer(200, body: Array("PK\u{3}\u{4}a deck".utf8))
        var orders: [JSONValue] = []
        /// Decks that were made while somebody waited: id and text.
        var made: [(String, JSONValue)] = []
        var lostAnswers = 0
    }

    private let state = Mutex(State())
    private let build: Build
    private let at: @Sendable (Moment) async -> Void

    package init(_ build: Build = Build(), at: @escaping @Sendable (Moment) async -> Void = { _ in }) {
        self.build = build
        self.at = at
    }

    /// Decks that were asked for and not refused, in the background or not.
    package var decks: Int { state.withLock { $0.decks } }
    package var orders: [JSONValue] { state.withLock { $0.orders } }
    package var taskIDs: [String] { state.withLock { $0.order } }

    package func answerNext(_ answers: StubResponse...) { state.withLock { $0.answers += answers } }
    /// The next task never moves, as after a restart.
    package func loseNext() { state.withLock { $0.ends.append(.null) } }
    package func failNext(_ status: Int, _ detail: String) {
        state.withLock { $0.ends.append(["status_code": .integer(Int64(status)), "detail": .string(detail)]) }
    }
    package func serve(file: StubResponse) { state.withLock { $0.file = file } }
    package func forgetTasks() { state.withLock { $0.tasks = [:] } }
    /// The next question is heard and its answer never arrives.
    package func loseNextAnswer() { state.withLock { $0.lostAnswers += 1 } }
    /// A task of another program.
    package func addForeignTask() { _ = state.withLock { StandInPresenton.newTask(&$0, slides: 8) } }
    /// A deck that somebody else made while they waited.
    package func addForeignDeck(_ text: String) { state.withLock { $0.made.append((JobID().description, .string(text))) } }
    /// Tasks that were stuck go on.
    package func wake() {
        state.withLock { state in
            for id in state.tasks.keys { state.tasks[id]?.isStuck = false }
        }
    }

    package func answer(_ call: StubRequest) async -> StubResponse {
        if let wanted = build.authorization, call.header("Authorization") != wanted { return Self.detail(401, "Unauthorized") }
        switch (call.method, call.path) {
        case ("POST", "/api/v1/ppt/presentation/generate/async") where build.hasBackground: return await ask(call)
        case ("POST", "/api/v1/ppt/presentation/generate"): return await make(call)
        case ("GET", "/api/v1/ppt/presentation/all") where build.listsDecks:
            return .json(
                JSONValue.array(state.withLock { $0.made }.map { ["id": .string($0), "prompt": $1, "n_slides": 20, "slides": []] })
                    .serialized)
        case ("GET", "/api/v1/async-tasks") where build.listsTasks: return await list(call)
        case ("GET", let path) where path.hasPrefix("/api/v1/ppt/presentation/status/"):
            return await look(String(path.dropFirst("/api/v1/ppt/presentation/status/".count)))
        case ("GET", let path) where path.hasPrefix("/app_data/"):
            await at(.fetched)
            return state.withLock { $0.file }
        case ("GET", "/"): return .html("<html>Presenton</html>")
        default: return Self.detail(404, "Not Found")
        }
    }

    private func ask(_ call: StubRequest) async -> StubResponse {
        guard let order = try? JSONReader.read(call.body), let refusal = begin(order) else { return Self.detail(422, "no JSON") }
        if case .refused(let answer) = refusal { return answer }
        let task = state.withLock { Self.newTask(&$0, slides: order["n_slides"]?.integer ?? 8) }
        await at(.asked)
        let isLost = state.withLock { state in
            defer { state.lostAnswers = max(0, state.lostAnswers - 1) }
            return state.lostAnswers > 0
        }
        return isLost ? .drop : .json(document(task, isFirst: true))
    }

    private enum Beginning { case goes, refused(StubResponse) }

    private func begin(_ order: JSONValue) -> Beginning? {
        state.withLock { state in
            state.orders.append(order)
            if !state.answers.isEmpty { return .refused(state.answers.removeFirst()) }
            guard order["content"]?.string != nil, order["user_id"] == nil else {
                return .refused(.json(#"{"detail":[{"loc":["body","content"],"msg":"Field required","type":"missing"}]}"#, status: 422))
            }
            state.decks += 1
            return .goes
        }
    }

    private static func newTask(_ state: inout State, slides: Int) -> Task {
        let digits = String(repeating: "0", count: 60) + String(1000 + state.order.count)
        var task = Task(id: "task-\(digits)", presentation: JobID().description, slides: slides)
        if !state.ends.isEmpty, let end = state.ends.removeFirst() {
            if end == .null { task.isStuck = true } else { task.end = end }
        }
        state.tasks[task.id] = task
        state.order.append(task.id)
        return task
    }

    private func make(_ call: StubRequest) async -> StubResponse {
        guard let order = try? JSONReader.read(call.body), let refusal = begin(order) else { return Self.detail(422, "no JSON") }
        if case .refused(let answer) = refusal { return answer }
        await at(.made)
        let id = JobID().description
        let isLost = state.withLock { state in
            state.made.append((id, order["content"] ?? .null))
            defer { state.lostAnswers = max(0, state.lostAnswers - 1) }
            return state.lostAnswers > 0
        }
        return isLost ? .drop : .json(Self.deck(id).serialized)
    }

    private func list(_ call: StubRequest) async -> StubResponse {
        guard call.target.contains("type=presentation.generate") || call.target.contains("limit=1") else { return Self.detail(422, "type") }
        let tasks = state.withLock { state in state.order.compactMap { state.tasks[$0] } }
        await at(.listed)
        return .json("[" + tasks.map { document($0, isFirst: false) }.joined(separator: ",") + "]")
    }

    /// A look that finds something to do lets the task go on by some slides; when all are made, by one more stage.
    private func look(_ id: String) async -> StubResponse {
        let task = state.withLock { state -> Task? in
            guard var task = state.tasks[id] else { return nil }
            if !task.isStuck {
                task.looks += 1
                task.made = min(task.made + build.slidesPerLook, task.slides)
            }
            state.tasks[id] = task
            return task
        }
        guard let task else { return Self.detail(404, "No presentation generation task found") }
        await at(.looked(task.looks))
        return .json(document(task, isFirst: false))
    }

    private func document(_ task: Task, isFirst: Bool) -> String {
        let isMade = !isFirst && task.isDone && task.looks > (task.slides + build.slidesPerLook - 1) / build.slidesPerLook
        let hasFailed = !isFirst && task.end != nil && task.looks > 1
        var data: [String: JSONValue] = [
            "created_slides": .integer(Int64(isFirst ? 0 : task.made)),
            "remaining_slides": .integer(Int64(task.slides - (isFirst ? 0 : task.made))),
        ]
        if isMade, build.namesPaths { data.merge(Self.deck(task.presentation).object ?? [:]) { $1 } }
        let message = isFirst ? "Queued for generation" : isMade ? "Presentation generation completed" : "Generating slides"
        let document: [String: JSONValue] = [
            "id": .string(task.id), "type": "presentation.generate", "status": isMade ? "completed" : hasFailed ? "error" : "pending",
            "message": .string(hasFailed ? "Presentation generation failed" : message), "error": hasFailed ? task.end ?? .null : .null,
            "data": .object(data), "created_at": "2026-11-21T09:00:00.123456",
            "updated_at": .string("2026-11-21T09:00:\(10 + min(task.looks, 49)).123456"),
        ]
        return JSONValue.object(document).serialized
    }

    private static func deck(_ id: String) -> JSONValue {
        [
            "presentation_id": .string(id), "path": .string("/app_data/exports/Deck über \(id).pptx"),
            "edit_path": .string("/presentation?id=\(id)"),
        ]
    }

    package static func detail(_ status: Int, _ text: String) -> StubResponse {
        .json(JSONValue.object(["detail": .string(text)]).serialized, status: status)
    }
}
