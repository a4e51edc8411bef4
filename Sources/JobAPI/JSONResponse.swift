internal import HTTPTypes
internal import Hummingbird
internal import HummingbirdCore
internal import JobModel
internal import NIOCore

extension Response {
    /// A JSON answer that no cache keeps, unless `headers` say otherwise.
    init(_ value: JSONValue, status: HTTPResponse.Status = .ok, headers: HTTPFields = [:]) {
        var headers = headers
        headers[.contentType] = "application/json"
        if headers[.cacheControl] == nil { headers[.cacheControl] = "no-store" }
        self.init(status: status, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(bytes: value.bytes)))
    }
}
