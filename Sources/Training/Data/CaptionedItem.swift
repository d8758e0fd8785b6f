package import Basics
package import SystemPackage

/// One clip or picture with the sentences that describe it.
package struct CaptionedItem: Sendable, Equatable {
    /// Where an item's pixels come from.
    package enum Source: Sendable, Equatable {
        /// Pictures in time order, each one a frame.
        case frames([FilePath])
        /// One media file, of which `span` (seconds) is the clip; nil is all of it.
        case file(FilePath, span: ClosedRange<Double>?)
    }

    package var id: String
    package var source: Source
    package var captions: [String]

    package init(id: String, source: Source, captions: [String]) {
        self.id = id
        self.source = source
        self.captions = captions
    }
}

/// A data set that can't be read; the message names the file, the place in it and what to do.
package struct DatasetError: ExplainedError, Equatable {
    package var message: String

    package init(_ message: String) {
        self.message = message
    }

    package var category: ErrorCategory { .invalidInput }
}
