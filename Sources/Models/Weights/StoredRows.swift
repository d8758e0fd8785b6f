import Tensors

/// A table of numbers that stays in its file: rows are read as they are looked up.
///
/// For the vectors of a vocabulary, of which a query needs some dozens of some 100,000: they take no memory but the system's cache.
struct StoredRows: Sendable {
    private let file: SafetensorsFile
    private let name: String
    /// [rows, width].
    let shape: [Int]

    fileprivate init(_ file: SafetensorsFile, name: String, shape: [Int]) {
        self.file = file
        self.name = name
        self.shape = shape
    }

    /// Some rows, in the order of `indices`: [indices, width].
    ///
    /// - Throws: ``WeightsError`` when the file can't be read, or holds numbers that aren't finite.
    /// - Precondition: there is a row for each index.
    func gathered(_ indices: [Int32]) throws -> Tensor<Float> {
        var values: [Float] = []
        values.reserveCapacity(indices.count * shape[1])
        for index in indices { values += try file.row(Int(index), ofTensor: name) }
        return Tensor(values, shape: [indices.count, shape[1]])
    }
}

extension SafetensorsFile {
    /// A matrix of floats, to be read row by row.
    ///
    /// - Throws: ``WeightsError`` when it is missing, or of another shape or type.
    func storedRows(named name: String, shape: [Int]) throws -> StoredRows {
        guard let found = self.shape(of: name) else { throw WeightsError.missing(tensor: name, source: source) }
        guard found == shape, shape.count == 2 else {
            throw WeightsError.shapeMismatch(tensor: name, expected: shape, found: found)
        }
        return StoredRows(self, name: name, shape: shape)
    }
}
