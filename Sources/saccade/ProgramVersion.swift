/// The version of this program and its API's answers.
enum ProgramVersion {
    static let text = "0.1.0"
}
