// iOS: look a JPEG up. Not run here.
import Foundation

struct Answer: Decodable { let returncode: Int; let identifier: String?; let metadata: String? }

func find(server: URL, account: String, key: String, photo: Data) async throws -> String? {
    let boundary = UUID().uuidString
    var body = Data()
    func part(_ head: String, _ content: Data) {
        body += Data("--\(boundary)\r\nContent-Disposition: form-data; \(head)\r\n\r\n".utf8) + content + Data("\r\n".utf8)
    }
    part("name=\"username\"", Data(account.utf8))
    part("name=\"secretkey\"", Data(key.utf8))
    part("name=\"image\"; filename=\"photo.jpg\"", photo)
    body += Data("--\(boundary)--\r\n".utf8)
    var request = URLRequest(url: server.appendingPathComponent("FindImage"))
    request.httpMethod = "POST"
    request.setValue("multipart/form-data; boundary=\(boundary)", forHTTPHeaderField: "Content-Type")
    let (data, _) = try await URLSession.shared.upload(for: request, from: body)
    let answer = try JSONDecoder().decode(Answer.self, from: data)
    guard answer.returncode == 0 else { throw URLError(.badServerResponse) }
    return answer.identifier
}
