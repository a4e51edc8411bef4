import Testing
import WebFetch

@Suite struct ReceiverRulesTests {
    private let open = ReceiverRules(allowing: ["inner.example", "other.example:8080", "10.1.0.0/16", "127.0.0.1"])

    @Test(
        arguments: [
            "https://public.example/x", "https://8.8.8.8/", "https://inner.example/", "http://inner.example:81/",
            "http://other.example:8080/",
            "http://10.1.2.3/", "https://10.1.2.3/", "http://127.0.0.1:9/", "https://[2606:4700::1]/",
        ])
    func whatMayBeTold(url: String) {
        #expect(open.refusal(of: url) == nil)
    }

    @Test(
        arguments: [
            ("http://public.example/", "must be an https URL"), ("http://other.example/", "must be an https URL"),
            ("http://8.8.8.8/", "must be an https URL"), ("https://10.2.0.1/", "private or reserved"),
            ("https://[::1]/", "private or reserved"),
            ("https://0x7f.1.2.3/", "private or reserved"), ("https://169.254.169.254/", "private or reserved"),
            ("https://[::ffff:10.9.9.9]/", "private or reserved"), ("https://u:p@public.example/", "user name or password"),
            ("ftp://public.example/", "cannot be used"), ("https://", "cannot be used"), ("not a URL", "cannot be used"),
        ])
    func whatMayNot(url: String, why: String) {
        #expect(open.refusal(of: url)?.contains(why) == true, "\(open.refusal(of: url) ?? "nothing")")
    }

    @Test func lengthsAreBounded() {
        #expect(open.refusal(of: "https://h.example/" + String(repeating: "x", count: 2_048))?.contains("longer than 2048") == true)
    }
}
