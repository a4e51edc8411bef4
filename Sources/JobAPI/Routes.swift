internal import HTTPTypes
internal import Hummingbird
internal import HummingbirdCore

/// One route: what it is asked by, and which file answers it.
struct Route: Sendable {
    let method: HTTPRequest.Method
    /// Segments in braces are captured, in order.
    let path: String
    let summary: String
    let access: Access
    /// Names that its query may have; nil where the route itself says what is wrong.
    let query: [String]?
    let answer: @Sendable (Reception, Exchange) async throws -> Response

    init(
        _ method: HTTPRequest.Method, _ path: String, _ summary: String,
        _ answer: @escaping @Sendable (Reception, Exchange) async throws -> Response
    ) {
        self.method = method
        self.path = path
        self.summary = summary
        query = KnownQueries.of("\(method.rawValue) \(path)")
        access = Access.of("\(method.rawValue) \(path)")
        self.answer = answer
    }
}

/// Every route there is, in one table. A test compares it with docs/http-api.md.
package enum Routes {
    static let table: [Route] = [
        Route(.post, "/jobs", "submit a job of any kind") { try await $0.submitJob($1) },
        Route(.post, "/jobs/batch", "submit up to 1,000 jobs at once") { try await $0.submitBatch($1) },
        Route(.get, "/jobs", "list jobs") { try await $0.listJobs($1) },
        Route(.post, "/ingest-async", "crawl a site or ingest a document") { try await $0.ingest($1) },
        Route(.get, "/jobs/{id}", "where a job stands") { try await $0.readJob($1) },
        Route(.get, "/jobs/{id}/result", "what a completed job returned") { try await $0.readResult($1) },
        Route(.get, "/jobs/{id}/events", "follow a job live (server-sent events)") { try await $0.streamEvents($1) },
        Route(.get, "/jobs/{id}/attempts", "every attempt at a job") { try await $0.readAttempts($1) },
        Route(.get, "/jobs/{id}/log", "every event of a job that is kept") { try await $0.readLog($1) },
        Route(.post, "/jobs/{id}/cancel", "ask a job to stop") { try await $0.cancelJob($1) },
        Route(.post, "/jobs/{id}/retry", "queue a failed or cancelled job again") { try await $0.retryJob($1) },
        Route(.post, "/jobs/{id}/promote", "queue a scheduled job now") { try await $0.promoteJob($1) },
        Route(.get, "/events", "follow many jobs live (server-sent events)") { try await $0.streamTopics($1) },
        Route(.get, "/ws", "follow many jobs live (WebSocket)") { try await $0.openSocket($1) },
        Route(.post, "/flows", "submit jobs that depend on each other") { try await $0.submitFlow($1) },
        Route(.get, "/flows", "flows, newest first") { try await $0.listFlows($1) },
        Route(.get, "/flows/{id}", "where a flow and its jobs stand") { try await $0.readFlow($1) },
        Route(.post, "/flows/{id}/cancel", "ask every job of a flow to stop") { try await $0.cancelFlow($1) },
        Route(.get, "/dead-letters", "list jobs that failed for good") { try await $0.listDeadLetters($1) },
        Route(.post, "/dead-letters/retry", "queue many dead letters again") { try await $0.retryDeadLetters($1) },
        Route(.post, "/queues/{queue}/pause", "start no more jobs of a queue") { try await $0.pauseQueue($1) },
        Route(.post, "/queues/{queue}/resume", "start its jobs again") { try await $0.resumeQueue($1) },
        Route(.get, "/limits", "limits of queues, kinds and concurrency keys") { try await $0.listLimits($1) },
        Route(.put, "/limits/{scope}/{name}", "set a limit") { try await $0.setLimit($1) },
        Route(.delete, "/limits/{scope}/{name}", "remove a limit") { try await $0.removeLimit($1) },
        Route(.get, "/kinds", "what jobs can do, and what they take") { try $0.listKinds($1) },
        Route(.get, "/kinds/{kind}", "what a kind takes") { try await $0.readKind($1) },
        Route(.post, "/kinds", "register the kinds of another program") { try await $0.registerKinds($1) },
        Route(.delete, "/kinds/{kind}", "forget a registered kind") { try await $0.forgetKind($1) },
        Route(.post, "/work/claim", "take jobs, as a worker over HTTP") { try await $0.claimWork($1) },
        Route(.post, "/work/{lease}/heartbeat", "say that a taken job goes on") { try await $0.beatWork($1) },
        Route(.post, "/work/{lease}/progress", "say how far a taken job is") { try await $0.reportWork($1) },
        Route(.post, "/work/{lease}/settle", "say how a taken job ended") { try await $0.settleWork($1) },
        Route(.get, "/work/{lease}/steps/{step}", "the result of a finished step of a taken job") { try await $0.readStep($1) },
        Route(.put, "/work/{lease}/steps/{step}", "keep the result of a finished step of a taken job") { try await $0.storeStep($1) },
        Route(.get, "/queues", "how every queue stands") { try await $0.listQueues($1) },
        Route(.get, "/queues/{queue}", "how a queue stands") { try await $0.readQueue($1) },
        Route(.get, "/queues/{queue}/scaling", "how many workers a queue wants") { try await $0.readScaling($1) },
        Route(.get, "/workers", "every worker that is known") { try await $0.workerHealth($1) },
        Route(.post, "/workers/{name}/drain", "let a worker finish what it runs and leave") { try await $0.drainWorker($1) },
        Route(.post, "/uploads", "upload a file for a document job") { try await $0.storeUpload($1) },
        Route(.post, "/search", "find passages of ingested documents") { try await $0.searchDocuments($1) },
        Route(.get, "/conversations", "sessions in which something was said") { try await $0.listConversations($1) },
        Route(.delete, "/conversations", "delete many of them") { try await $0.deleteConversations($1) },
        Route(.get, "/conversations/{session_id}", "what was said in a session") { try await $0.readConversation($1) },
        Route(.delete, "/conversations/{session_id}", "delete a conversation") { try await $0.deleteConversation($1) },
        Route(.post, "/api/models/jobs", "ask a model, in the words of clients of Ollama queues") { try await $0.submitModelJob($1) },
        Route(.get, "/cache", "answers of models that are kept") { try await $0.readCache($1) },
        Route(.delete, "/cache", "clear kept answers") { try await $0.clearCache($1) },
        Route(.get, "/cache/performance", "how models do") { try await $0.readModelPerformance($1) },
        Route(.post, "/feedback", "say what an answer was worth") { try await $0.giveFeedback($1) },
        Route(.get, "/schedules", "every schedule") { try await $0.listSchedules($1) },
        Route(.post, "/schedules", "make a job again and again") { try await $0.createSchedule($1) },
        Route(.get, "/schedules/{id}", "a schedule and its next runs") { try await $0.readSchedule($1) },
        Route(.patch, "/schedules/{id}", "change a schedule") { try await $0.changeSchedule($1) },
        Route(.delete, "/schedules/{id}", "end a schedule") { try await $0.deleteSchedule($1) },
        Route(.post, "/schedules/{id}/run", "make a schedule's job now") { try await $0.runSchedule($1) },
        Route(.post, "/api/presentations", "make a presentation") { try await $0.createPresentation($1) },
        Route(.get, "/api/presentations", "presentations, newest first") { try await $0.listPresentations($1) },
        Route(.patch, "/api/presentations", "put many presentations under a subject") { try await $0.movePresentations($1) },
        Route(.get, "/api/presentations/{id}", "where a presentation stands") { try await $0.readPresentation($1) },
        Route(.get, "/api/presentations/{id}/file", "the file of a presentation") { try await $0.presentationFile($1) },
        Route(.patch, "/api/presentations/{id}", "put a presentation under a subject") { try await $0.movePresentation($1) },
        Route(.get, "/api/subjects", "subjects and how many presentations they have") { try await $0.listSubjects($1) },
        Route(.post, "/api/subjects/rename", "give a subject another name") { try await $0.renameSubject($1) },
        Route(.post, "/api/subjects/merge", "put everything of some subjects under one") { try await $0.mergeSubjects($1) },
        Route(.post, "/api/projection/create", "project a narrative into another world") { try await $0.createProjection($1) },
        Route(.post, "/api/translation/round-trip", "translate a text there and back") { try await $0.createRoundTrip($1) },
        Route(.post, "/api/maieutic/start", "prepare a Socratic dialogue") { try await $0.startDialogue($1) },
        Route(.post, "/api/configuration/generate", "invent personas, namespaces and styles") { try await $0.createConfiguration($1) },
        Route(.get, "/api/jobs", "model jobs, newest first") { try await $0.listModelJobs($1) },
        Route(.get, "/api/jobs/{id}", "where a model job stands, and its result") { try await $0.readModelJob($1) },
        Route(.post, "/api/jobs/{id}/cancel", "ask a model job to stop") { try await $0.cancelModelJob($1) },
        Route(.get, "/api/models/queue", "how the queue of model jobs stands") { try await $0.queueInfo($1) },
        Route(.post, "/api/models/queue/start", "start model jobs again") { try await $0.startProcessor($1) },
        Route(.post, "/api/models/queue/stop", "start no more model jobs") { try await $0.stopProcessor($1) },
        Route(.get, "/audit", "who changed what") { try await $0.readAudit($1) },
        Route(.get, "/webhooks", "who is told when jobs end") { try await $0.listWebhooks($1) },
        Route(.post, "/webhooks", "tell a receiver when jobs end") { try await $0.createWebhook($1) },
        Route(.get, "/webhooks/deliveries", "what all receivers were told") { try await $0.listAllDeliveries($1) },
        Route(.get, "/webhooks/{id}", "a webhook") { try await $0.readWebhook($1) },
        Route(.patch, "/webhooks/{id}", "change a webhook") { try await $0.changeWebhook($1) },
        Route(.delete, "/webhooks/{id}", "tell a receiver nothing more") { try await $0.deleteWebhook($1) },
        Route(.post, "/webhooks/{id}/secret", "a new secret to sign with") { try await $0.rotateSecret($1) },
        Route(.get, "/webhooks/{id}/deliveries", "what a receiver was told") { try await $0.listDeliveries($1) },
        Route(.get, "/webhooks/{id}/deliveries/{delivery}", "a delivery and its attempts") { try await $0.readDelivery($1) },
        Route(.post, "/webhooks/{id}/deliveries/{delivery}/resend", "send a delivery again") { try await $0.resendDelivery($1) },
        Route(.post, "/mcp", "tools for models (Model Context Protocol)") { try await $0.speakMCP($1) },
        Route(.post, "/mcp/{tool}", "call a tool in plain JSON") { try await $0.callTool($1) },
        Route(.get, "/health", "the state of every part") { try await $0.health($1) },
        Route(.get, "/health/workers", "every worker that is known") { try await $0.workerHealth($1) },
        Route(.get, "/livez", "whether the process answers") { $0.livez($1) },
        Route(.get, "/readyz", "whether requests can be served now") { try await $0.readyz($1) },
        Route(.get, "/openapi.json", "every route as an OpenAPI document") { $0.openAPI($1) },
        Route(.get, "/docs", "a page that shows it") { $0.docsPage($1) },
        Route(.get, "/docs/{file}", "what the page is made of") { try $0.docsFile($1) },
    ]

    /// `METHOD path` of every route, as the reference page lists them.
    package static var spelled: [String] {
        table.map { "\($0.method.rawValue) \($0.path)" }
    }

    /// The route of a request and what its braces captured. Spelled segments win over captures, so that `/jobs/batch` is no job.
    /// A path that exists with other methods only is 405, any other 404.
    static func match(_ method: HTTPRequest.Method, _ path: String) throws(Problem) -> (route: Route, captured: [String]) {
        let segments = path.split(separator: "/", omittingEmptySubsequences: false)
        let fitting = table.compactMap { route in capture(route.path, segments).map { (route: route, captured: $0) } }
        guard let fewest = fitting.map(\.captured.count).min() else { throw .unknownRoute }
        let candidates = fitting.filter { $0.captured.count == fewest }
        let wanted = method == .head ? .get : method
        guard let match = candidates.first(where: { $0.route.method == wanted }) else {
            throw .wrongMethod(allowed: allowed(candidates.map(\.route.method)))
        }
        return match
    }

    private static func allowed(_ methods: [HTTPRequest.Method]) -> [String] {
        methods.flatMap { $0 == .get ? ["GET", "HEAD"] : [$0.rawValue] }
    }

    private static func capture(_ pattern: String, _ segments: [Substring]) -> [String]? {
        let expected = pattern.split(separator: "/", omittingEmptySubsequences: false)
        guard expected.count == segments.count else { return nil }
        var captured: [String] = []
        for (part, segment) in zip(expected, segments) {
            if part.hasPrefix("{") { captured.append(String(segment)) } else if part != segment { return nil }
        }
        return captured
    }
}
