internal import HTTPTypes
internal import Hummingbird
internal import HummingbirdCore
internal import JobDesk
internal import JobModel
internal import JobQueue
internal import Logging
internal import NIOCore
internal import NIOHTTP1

/// From request to response: request id, route, answer, and a problem document for whatever goes wrong. Every answer passes here.
struct Responder: HTTPResponder {
    struct Context: RequestContext {
        var coreContext: CoreRequestContextStorage
        /// The other end of the connection; nil for one that has no address.
        let address: String?
        let channel: any Channel

        init(source: ApplicationRequestContextSource) {
            address = source.channel.remoteAddress?.ipAddress
            channel = source.channel
            coreContext = CoreRequestContextStorage(source: source)
        }
    }

    private let reception: Reception
    private let site: FileMiddleware<Context, LocalFileSystem>?
    private var logger: Logger { reception.logger }

    init(reception: Reception, site: String?) {
        self.reception = reception
        self.site = site.map { FileMiddleware($0, urlBasePath: "/site", searchForIndexHtml: true, logger: reception.logger) }
    }

    /// A task keeps the memory of its deepest call until it ends: that of a connection that is watched over for hours must never go deep.
    func respond(to request: Request, context: Context) async throws -> Response {
        guard Responder.staysOpen(request.uri.path) else { return try await respondHere(to: request, context: context) }
        return try await Task { try await respondHere(to: request, context: context) }.value
    }

    private func respondHere(to request: Request, context: Context) async throws -> Response {
        let start = ContinuousClock.now
        let requestID = RequestIDs.accepted(request.headers[named: "X-Request-ID"])
        let path = request.uri.path
        var response = try await answer(request, path: path, requestID: requestID, context: context)
        addHeaders(to: &response, requestID: requestID, isSite: path.hasPrefix("/site/"))
        log(request, path, response.status, since: start, requestID)
        return request.method == .head ? response.createHeadResponse() : response
    }

    private static func staysOpen(_ path: String) -> Bool {
        path.hasSuffix("/events") || path == "/ws"
    }

    /// The caller is looked at before anything of the request is read.
    private func answer(_ request: Request, path: String, requestID: String, context: Context) async throws -> Response {
        try await told(path, requestID) {
            try reception.doorkeeper.check(request)
            if let site, path == "/site" || path.hasPrefix("/site/") { return try await serve(request, from: site, context) }
            let (route, captured) = try Routes.match(request.method, path)
            let caller = try await reception.doorkeeper.admit(request, to: route.access, from: context.address)
            let exchange = Exchange(request: request, captured: captured, requestID: requestID, caller: caller, channel: context.channel)
            try exchange.check(route)
            guard let key = caller.key else { return try await perform(route, exchange, path) }
            return try await metered(route, exchange, path, Submitter(key))
        }.response
    }

    /// For the holder of a key: charged to it, and with headers that say what is left.
    private func metered(_ route: Route, _ exchange: Exchange, _ path: String, _ submitter: Submitter) async throws -> Response {
        let allowance = await reception.allowances.take(submitter.key)
        var response = try await told(path, exchange.requestID) {
            if let allowance, !allowance.isGranted {
                throw Problem.overQuota(.requests, retryAfter: Int(RateHeaders.seconds(allowance.nextInMilliseconds)))
            }
            return try await Submitter.$current.withValue(submitter) { try await perform(route, exchange, path) }
        }.response
        RateHeaders.add(to: &response.headers, submitter.key, allowance, submitter.charge)
        return response
    }

    /// A change of state is written down before it is made, and how it went after it.
    func perform(_ route: Route, _ exchange: Exchange, _ path: String) async throws -> Response {
        guard let action = route.access.action else { return try await route.answer(reception, exchange) }
        let entry = try await reception.audit.begin(action, exchange)
        let answer = try await told(path, exchange.requestID) { try await route.answer(reception, exchange) }
        await reception.audit.end(entry, answer, exchange.notes)
        return answer.response
    }

    /// Whatever goes wrong as the document that tells of it.
    func told(_ path: String, _ requestID: String, _ work: () async throws -> Response) async throws -> Answer {
        do {
            return Answer(response: try await work(), problem: nil)
        } catch let problem as Problem {
            return answer(problem, path, requestID)
        } catch let error as DeskError {
            return answer(reception.problem(of: error, requestID), path, requestID)
        } catch  where isClientError(error) {
            // The client went away or spoke no HTTP: the server closes the connection.
            throw error
        } catch {
            logger.error("A request failed inside", metadata: ["request_id": "\(requestID)", "error": "\(type(of: error))"])
            return answer(.fault, path, requestID)
        }
    }

    private func answer(_ problem: Problem, _ path: String, _ requestID: String) -> Answer {
        Answer(response: problem.response(requestID: requestID, path: path), problem: problem.type)
    }

    private func isClientError(_ error: any Error) -> Bool {
        error is HTTPParserError || error is ChannelError || error is IOError || error is CancellationError
    }

    /// Files of the site directory; the middleware refuses paths that leave it. For the file system a name would end at a NUL.
    private func serve(_ request: Request, from site: FileMiddleware<Context, LocalFileSystem>, _ context: Context) async throws -> Response
    {
        guard !request.uri.path.contains("%00") else { throw Problem.unknownRoute }
        do {
            return try await site.handle(request, context: context) { _, _ in throw HTTPError(.notFound) }
        } catch let error as HTTPError {
            throw error.status == .notFound
                ? Problem.unknownRoute : Problem(error.status, "refused", error.status.reasonPhrase, "The path cannot be served.")
        }
    }

    private func addHeaders(to response: inout Response, requestID: String, isSite: Bool) {
        response.headers[named: "X-Request-ID"] = requestID
        let policy = isSite ? "default-src 'self' 'unsafe-inline' data:" : "default-src 'none'; frame-ancestors 'none'"
        for (name, value) in [
            ("X-Content-Type-Options", "nosniff"), ("X-Frame-Options", "DENY"), ("Referrer-Policy", "no-referrer"),
            ("Content-Security-Policy", policy), ("Cross-Origin-Resource-Policy", "same-origin"),
        ] {
            if response.headers[named: name] == nil { response.headers[named: name] = value }
        }
    }

    /// The path is logged without its query; bodies and headers never are.
    private func log(
        _ request: Request, _ path: String, _ status: HTTPResponse.Status, since start: ContinuousClock.Instant, _ requestID: String
    ) {
        logger.log(
            level: status.code >= 500 ? .warning : .debug, "Answered a request",
            metadata: [
                "method": "\(request.method.rawValue)", "path": "\(path.prefix(200))", "status": "\(status.code)",
                "duration": "\(ContinuousClock.now - start)", "request_id": "\(requestID)",
            ])
    }
}
