/// The version of this program and its API's answers.
package enum ProgramVersion {
    package static let text = "0.2.0"
}
