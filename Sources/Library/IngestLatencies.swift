package import Basics

/// How long the steps of ingest take.
package struct IngestLatencies: Sendable {
    /// A batch of clips in the encoder.
    package let encoding = LatencyHistogram()
    /// A batch of clips into the catalog and the live index.
    package let storing = LatencyHistogram()
    /// A scan of whole roots.
    package let scanning = LatencyHistogram(bounds: [0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900])

    package init() {}
}
