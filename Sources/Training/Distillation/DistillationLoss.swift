package import Tensors

/// H(p, q): how far the student's ranking of a few clips is from the teacher's, as a mean over captions.
///
/// p = softmax(teacher / τ), q = softmax(student) (Miech et al., CVPR 2021, eq. 7; Hinton et al., "Distilling the knowledge in a
/// neural network", 2015).
///
/// - Parameters:
///   - student: [captions, clips], by the student's own temperature already.
///   - teacher: the frozen teacher's scores, of the same shape, row by row.
package func distillationLoss<Scalar: TensorScalar>(
    student: Variable<Scalar>, teacher: [[Float]], temperature: Double
) -> Variable<Scalar> {
    precondition(student.shape == [teacher.count, teacher.first?.count ?? 0] && temperature > 0)
    let scores = Tensor(teacher.joined().map { Scalar(Double($0) / temperature) }, shape: student.shape)
    let targets = Variable(constant: scores).softmax()
    return (student.logSoftmax() * targets).sum().scaled(by: -1 / Scalar(teacher.count))
}
